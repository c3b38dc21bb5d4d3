import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFaceTracker, workerOptions } from '../../src/runtime/client';
import type { Reply, Request } from '../../src/runtime/messages';
import type { FaceTracker, Progress, Tracking } from '../../src/types';

const PAGE = 'https://faces.example/site/index.html';
const opened = { info: { accelerator: 'wasm', threads: 1, model: {} }, mesh: { size: 128 } };

/** A worker that is played by a test. */
class FakeWorker {
  static made: FakeWorker[] = [];
  static answerOpen: (worker: FakeWorker, id: number) => void = (worker, id) =>
    worker.say({ kind: 'done', id, value: opened as never });
  onmessage: (event: { data: Reply }) => void = () => undefined;
  onerror: (event: { message?: string; preventDefault?: () => void }) => void = () => undefined;
  onmessageerror: () => void = () => undefined;
  terminated = false;
  heard: Request[] = [];
  transferred: unknown[] = [];

  constructor(readonly address: string) {
    FakeWorker.made.push(this);
  }

  postMessage(request: Request, transfer: unknown[]): void {
    this.heard.push(request);
    this.transferred.push(...transfer);
    if (request.kind === 'open') queueMicrotask(() => FakeWorker.answerOpen(this, request.id));
  }

  terminate(): void {
    this.terminated = true;
  }

  say(reply: Reply): void {
    this.onmessage({ data: reply });
  }

  /** The next request of a kind. */
  async next(kind: Request['kind'], count = 1): Promise<Request> {
    await vi.waitFor(() => expect(this.heard.filter((request) => request.kind === kind)).toHaveLength(count));
    return this.heard.filter((request) => request.kind === kind)[count - 1];
  }
}

const answerOpen = FakeWorker.answerOpen;

beforeEach(() => {
  FakeWorker.made = [];
  FakeWorker.answerOpen = answerOpen;
  vi.stubGlobal('Worker', FakeWorker);
  vi.stubGlobal('location', new URL(PAGE));
});

afterEach(() => vi.unstubAllGlobals());

/** What the browser would take for an ImageData. */
function picture(width = 2): ImageData {
  return {
    width,
    height: 1,
    data: new Uint8ClampedArray(4 * width),
    [Symbol.toStringTag]: 'ImageData',
  } as unknown as ImageData;
}

function tracking(width: number): Tracking {
  return { width, height: 1, faces: [], timings: { total: 0 } } as unknown as Tracking;
}

async function tracker(options = {}): Promise<[FaceTracker, FakeWorker]> {
  const made = await createFaceTracker({ files: 'lprnet', ...options });
  return [made, FakeWorker.made[0]];
}

describe('workerOptions', () => {
  it('completes options', () => {
    expect(workerOptions({ files: 'lprnet' }, PAGE)).toEqual({
      ...{ files: 'https://faces.example/site/lprnet/', version: 'development', maxFaces: 3, threads: 0 },
      ...{ accelerator: 'wasm', closerLook: true, expressions: true, smooth: true },
    });
  });

  it.each([
    { maxFaces: 0 },
    { maxFaces: 1.5 },
    { threads: -1 },
    { threads: Number.NaN },
    { accelerator: 'gpu' as 'wasm' },
  ])('refuses %j', (wrong) => expect(() => workerOptions({ files: 'lprnet', ...wrong }, PAGE)).toThrow(RangeError));

  it.each([undefined, {}, { files: null }, { files: 5 }])('asks for the option `files`, given %j', (wrong) => {
    expect(() => workerOptions(wrong as never, PAGE)).toThrow(TypeError);
    expect(() => workerOptions(wrong as never, PAGE)).toThrow(/`files`.*lprnet-files/);
  });

  it.each([{ closerLook: 'no' }, { expressions: 1 }, { smooth: null }])('takes no %j for true or false', (wrong) => {
    expect(() => workerOptions({ files: 'lprnet', ...(wrong as object) }, PAGE)).toThrow(TypeError);
  });

  it('takes an address as an object', () => {
    expect(workerOptions({ files: new URL('https://cdn.example/x') }, PAGE).files).toBe('https://cdn.example/x/');
  });
});

describe('createFaceTracker', () => {
  it('opens the worker of the folder and gives what it says', async () => {
    const heard: Progress[] = [];
    const step: Progress = { loaded: 1, total: 2, file: 'open.bin' };
    FakeWorker.answerOpen = (worker, id) => {
      worker.say({ kind: 'progress', progress: step });
      answerOpen(worker, id);
    };
    const [made, worker] = await tracker({ onProgress: (progress: Progress) => heard.push(progress) });
    expect(worker.address).toBe('https://faces.example/site/lprnet/worker.js');
    expect([made.info, made.mesh, heard]).toEqual([opened.info, opened.mesh, [step]]);
    expect(() => structuredClone(worker.heard[0])).not.toThrow(); // functions cannot be sent
  });

  it('imports the worker of another server', async () => {
    const [, worker] = await tracker({ files: 'https://cdn.example/lprnet/' });
    expect(worker.address).toMatch(/^blob:/);
  });

  it('passes on why it could not be opened, and ends the worker', async () => {
    FakeWorker.answerOpen = (worker, id) => worker.say({ kind: 'failed', id, code: 'damaged', message: 'open.bin' });
    await expect(tracker()).rejects.toMatchObject({ name: 'FaceError', code: 'damaged', message: 'open.bin' });
    expect(FakeWorker.made[0].terminated).toBe(true);
  });

  it('tells that the worker is not there', async () => {
    FakeWorker.answerOpen = (worker) => worker.onerror({});
    const message = expect.stringMatching(/site\/lprnet\/worker\.js.*npx lprnet-files/);
    await expect(tracker()).rejects.toMatchObject({ code: 'load', message });
  });
});

describe('a tracker', () => {
  it('sends a frame and its time, and measures the whole way', async () => {
    const [made, worker] = await tracker();
    const answer = made.track(picture(), 40);
    const request = await worker.next('track');
    expect(request).toMatchObject({ time: 40 });
    worker.say({ kind: 'done', id: request.id, value: tracking(2) });
    const found = await answer;
    expect(found.width).toBe(2);
    expect(found.timings.total).toBeGreaterThan(0);
  });

  it('keeps the order of calls, and gives each its own answer', async () => {
    const [made, worker] = await tracker();
    let finish: (bitmap: unknown) => void = () => undefined;
    const slow = new Promise((resolve) => (finish = resolve));
    vi.stubGlobal('createImageBitmap', () => slow);
    const photo = new Blob(['a photo that takes long to be read']);
    const [first, second] = [made.reconstruct(photo as never), made.reconstruct(picture(7))];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(worker.heard.map((request) => request.kind)).toEqual(['open']);
    const bitmap = { width: 5, close: vi.fn() };
    finish(bitmap);
    await worker.next('reconstruct', 2);
    const [a, b] = worker.heard.slice(1) as (Request & { frame: { width: number } })[];
    expect([a.frame.width, b.frame.width]).toEqual([5, 7]);
    expect(worker.transferred).toEqual([bitmap]); // an ImageData is copied: it stays the caller's
    worker.say({ kind: 'done', id: b.id, value: tracking(7) });
    worker.say({ kind: 'done', id: a.id, value: tracking(5) });
    expect([(await first).width, (await second).width]).toEqual([5, 7]);
  });

  it('goes on after a picture that cannot be read', async () => {
    const [made, worker] = await tracker();
    await expect(made.reconstruct({} as never)).rejects.toMatchObject({ code: 'picture' });
    const answer = made.reconstruct(picture());
    worker.say({ kind: 'done', id: (await worker.next('reconstruct')).id, value: tracking(2) });
    expect((await answer).width).toBe(2);
  });

  it('passes on an error of the worker, and lives', async () => {
    const [made, worker] = await tracker();
    const answer = made.track(picture());
    worker.say({ kind: 'failed', id: (await worker.next('track')).id, code: 'memory', message: 'used up' });
    await expect(answer).rejects.toMatchObject({ code: 'memory' });
    expect(worker.terminated).toBe(false);
  });

  it("tells of another server's picture, which cannot be sent, and lives", async () => {
    const [made, worker] = await tracker();
    const bitmap = { width: 5, close: vi.fn() };
    vi.stubGlobal('createImageBitmap', async () => bitmap);
    const send = worker.postMessage.bind(worker);
    worker.postMessage = () => {
      throw new DOMException('could not be cloned', 'DataCloneError');
    };
    const answer = made.reconstruct(new Blob(['a photo']));
    await expect(answer).rejects.toMatchObject({ code: 'picture', message: expect.stringContaining('crossOrigin') });
    expect(bitmap.close).toHaveBeenCalledTimes(1);
    worker.postMessage = send;
    const next = made.reconstruct(picture());
    worker.say({ kind: 'done', id: (await worker.next('reconstruct')).id, value: tracking(2) });
    expect((await next).width).toBe(2);
  });

  it('tells of a picture that the worker could not read: the first without an answer', async () => {
    const [made, worker] = await tracker();
    const [lost, next] = [made.track(picture()), made.track(picture())];
    const { id } = await worker.next('track', 2);
    worker.say({ kind: 'unread' });
    await expect(lost).rejects.toMatchObject({ code: 'picture' });
    worker.say({ kind: 'done', id, value: tracking(2) });
    expect((await next).width).toBe(2);
  });

  it('refuses a time that is none', async () => {
    const [made] = await tracker();
    await expect(made.track(picture(), Number.NaN)).rejects.toThrow(RangeError);
  });

  it('resets after the frames before', async () => {
    const [made, worker] = await tracker();
    const frame = made.track(picture());
    const reset = made.reset();
    await worker.next('reset');
    expect(worker.heard.map((request) => request.kind)).toEqual(['open', 'track', 'reset']);
    worker.heard.slice(1).forEach(({ id }) => worker.say({ kind: 'done', id, value: tracking(1) }));
    await Promise.all([frame, reset]);
  });

  it('is closed for those who wait and those who come', async () => {
    const [made, worker] = await tracker();
    const waiting = made.track(picture());
    await worker.next('track');
    made.close();
    expect(worker.terminated).toBe(true);
    await expect(waiting).rejects.toMatchObject({ code: 'closed' });
    await expect(made.track(picture())).rejects.toMatchObject({ code: 'closed' });
    await expect(made.reset()).rejects.toMatchObject({ code: 'closed' });
    made.close();
  });

  it('tells that the worker stopped', async () => {
    const [made, worker] = await tracker();
    const waiting = made.track(picture());
    await worker.next('track');
    worker.onerror({ message: 'it broke' });
    await expect(waiting).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('it broke') });
  });
});
