// Sets the colour scheme before the first paint. A file of its own, because
// the server's content security policy refuses inline scripts.
(function () {
  var scheme = 'auto';
  try {
    scheme = localStorage.getItem('holdfast-color-scheme') || 'auto';
  } catch {
    // Storage is switched off: follow the system.
  }
  if (scheme !== 'light' && scheme !== 'dark') {
    scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  }
  document.documentElement.setAttribute('data-mantine-color-scheme', scheme);
})();
