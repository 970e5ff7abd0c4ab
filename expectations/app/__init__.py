"""The page of cases: a small web server for the people who get the money back.

`people` says who may see and do what, `desk` what every page is made with, `login` how one gets in,
`listing` the lists, `casepage` one case, `answering` the pages that mails' links lead to, `server` puts
them together. Imported by `tillwatch app` alone: nothing else waits for a web framework.
"""
