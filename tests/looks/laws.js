// What of a page sticks out, is cut off, lies on something else or cannot be touched: a list of sentences.
() => {
  const wide = document.documentElement.clientWidth;
  const said = [];
  const name = e => `${e.tagName.toLowerCase()}.${e.className} "${(e.textContent || '').trim().slice(0, 24)}"`;
  const seen = e => e.getBoundingClientRect().width > 0 && e.getBoundingClientRect().height > 0;
  const all = (what, within = document) => [...within.querySelectorAll(what)].filter(seen);
  if (document.documentElement.scrollWidth > wide)
    said.push(`the page is ${document.documentElement.scrollWidth} wide on ${wide}`);
  const inputs = ['INPUT', 'SELECT', 'TEXTAREA'];
  for (const e of all('h1,h2,h3,p,td,th,li,button,a,img,input,select,textarea,div')) {
    if (e.closest('.scroll') || e.closest('.skip')) continue;
    const box = e.getBoundingClientRect();
    if (box.right > wide + 1 || box.left < -1)
      said.push(`${name(e)} sticks out: ${Math.round(box.left)} to ${Math.round(box.right)} of ${wide}`);
    const style = getComputedStyle(e);
    const clips = style.overflowX !== 'visible' && style.display !== 'inline' && !inputs.includes(e.tagName);
    if (clips && e.scrollWidth > e.clientWidth + 1) said.push(`${name(e)} is cut off`);
  }
  for (const e of all('main button, a.button, input:not([type=hidden]), select'))
    if (e.getBoundingClientRect().height < 30) said.push(`${name(e)} is too low for a finger`);
  const cards = all('.card').map(e => e.getBoundingClientRect());
  for (let i = 1; i < cards.length; i++)
    if (cards[i].top < cards[i - 1].bottom - 1 && cards[i].left < cards[i - 1].right - 1)
      said.push(`card ${i + 1} lies on card ${i}`);
  return said;
}
