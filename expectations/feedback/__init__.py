"""What readers answer: signed links in mails, what an answer does, and what is learned from answers.

`answers` says which there are, `links` signs them, `record` writes them down and takes them back,
`prices` keeps the price points that three answers teach.
"""
