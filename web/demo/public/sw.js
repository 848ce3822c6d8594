/* Keeps the whole site for use without a network. The page itself is asked from the network first, so that a new version shows at once. */
const FILES = ["__FILES__"];
const CACHE = 'quern-site-__VERSION__';

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((c) => c.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const old = (name) => name.startsWith('quern-site-') && name !== CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((n) => caches.delete(n)))).then(() => self.clients.claim()));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  const url = new URL(request.url);
  const kept = () => cache.match(url.pathname.endsWith('/') ? new URL('index.html', url).href : request, { ignoreSearch: true });
  if (request.mode !== 'navigate') return (await kept()) ?? fetch(request);
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
