import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { unpackNetwork } from '../../src/common/packed-network';
import { FaceError } from '../../src/types';

function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url))));
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer;
}

describe('a packed network', () => {
  it.each(['open', 'eye', 'mouth'])('is the one that Python unpacks: %s', (name) => {
    const network = new Uint8Array(unpackNetwork(bufferOf(bytesOf(`public/files/${name}.bin`)), name));
    const expected = bytesOf(`networks/${name}.tflite`); // with a description behind the network
    expect(network.length).toBeGreaterThan(1e6);
    expect(expected.length).toBeGreaterThanOrEqual(network.length);
    expect(Buffer.compare(network, expected.subarray(0, network.length))).toBe(0);
  });

  it('is refused if a part of it is not there', () => {
    const text = new TextDecoder('latin1').decode(bytesOf('public/files/eye.bin'));
    const bytes = Number(/"bytes":(\d+)/.exec(text)?.[1]);
    const changed = Uint8Array.from(text.replace(`"bytes":${bytes}`, `"bytes":${bytes + 4}`), (c) => c.charCodeAt(0));
    expect(() => unpackNetwork(bufferOf(changed), 'eye.bin')).toThrow(FaceError);
    expect(() => unpackNetwork(bufferOf(changed), 'eye.bin')).toThrow(/eye\.bin does not hold a whole network/);
  });
});
