import { afterEach, expect, it, vi } from 'vitest';
import type { Reply, Request } from '../../src/runtime/messages';

afterEach(() => vi.unstubAllGlobals());

it('the worker answers after a message that the browser could not read', async () => {
  const said: Reply[] = [];
  vi.stubGlobal('postMessage', (reply: Reply) => said.push(reply));
  await import('../../src/runtime/worker');
  const scope = globalThis as unknown as {
    onmessage: (event: { data: Request | null }) => void;
    onmessageerror: () => void;
  };
  scope.onmessage({ data: null });
  scope.onmessage({ data: { id: 1, kind: 'reset' } });
  scope.onmessageerror();
  await vi.waitFor(() => expect(said).toHaveLength(3));
  expect(said.map(({ kind }) => kind)).toEqual(['unread', 'failed', 'unread']);
  expect(said[1]).toMatchObject({ id: 1, code: 'internal' }); // there are no networks in this test
});
