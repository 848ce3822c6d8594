/* Keeps the whole site for use without a network. The page itself is asked from the network first, so that a new version shows at once. */
const FILES = ["__FILES__"];
const LATER = ["__LATER__"]; // kept only once a page has asked for them
const CACHE = 'quern-site-__VERSION__';

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((c) => c.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const old = (name) => name.startsWith('quern-site-') && name !== CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((n) => caches.delete(n)))).then(() => self.clients.claim()));
});

async function fetchAndKeep(cache, request) {
  const response = await fetch(request);
  const path = new URL(request.url).href.slice(self.registration.scope.length);
  if (response.ok && LATER.includes(path)) await cache.put(request, response.clone()).catch(() => undefined);
  return response;
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const url = new URL(request.url);
  const kept = () => cache.match(url.pathname.endsWith('/') ? new URL('index.html', url).href : request, { ignoreSearch: true });
  if (request.mode !== 'navigate') return (await kept()) ?? fetchAndKeep(cache, request);
  try {
    return await fetch(request);
  } catch (error) {
    const page = await kept();
    if (page) return page;
    throw error;
  }
}

self.addEventListener('fetch', (event) => {
  const ours = event.request.method === 'GET' && event.request.url.startsWith(self.registration.scope) && !event.request.headers.has('range');
  if (ours) event.respondWith(answer(event.request));
});
