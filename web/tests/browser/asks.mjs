/** A worker that asks for an address, and says whether there was an answer. */
globalThis.addEventListener('message', async ({ data }) => {
  const done = await globalThis.fetch(data).then(
    () => 'answered',
    () => 'refused',
  );
  globalThis.postMessage(done);
});
