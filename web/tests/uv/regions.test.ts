import { describe, expect, test } from 'vitest';
import { Regions } from '../../src/uv/regions';
import { faceLayout, largestDifference, readVectors, tell } from '../read-vectors';

const vectors = readVectors('look_regions.bin');
const layout = faceLayout();
const regions = new Regions(layout);
const map = vectors.float32('map');
const camera = layout.camera(map);

describe.each([...regions.all.entries()])('region %d', (k, region) => {
  test('has the texels, the core, the window and the grid of Python', () => {
    expect(largestDifference(region.texels, vectors.int32(`texels ${k}`))).toBe(0);
    expect(largestDifference(region.grid, vectors.int32(`grid ${k}`))).toBe(0);
    expect(largestDifference(region.core, vectors.int32(`core ${k}`))).toBe(0);
    const window = largestDifference(region.window, vectors.float32(`window ${k}`));
    tell(`${region.name}: window`, window);
    expect(window).toBeLessThan(1e-5);
  });

  test('interpolates as Python does', () => {
    expect(largestDifference(region.spread.starts, vectors.int32(`starts ${k}`))).toBe(0);
    expect(largestDifference(region.spread.columns, vectors.int32(`columns ${k}`))).toBe(0);
    expect(largestDifference(region.spread.values, vectors.float32(`values ${k}`))).toBeLessThan(1e-6);
  });

  test('is cut out of the photo where Python cuts it out', () => {
    const frame = region.frame(map, camera);
    const found = [...frame.centre, frame.side, ...frame.axes];
    const difference = largestDifference(found, vectors.float64(`frame ${k}`));
    tell(`${region.name}: frame, px`, difference);
    expect(difference).toBeLessThan(1e-4);
    expect(largestDifference(frame.matrix(region.size), vectors.float64(`matrix ${k}`))).toBeLessThan(1e-4);
    expect(largestDifference(frame.matrix(64, 1.75), vectors.float64(`wide matrix ${k}`))).toBeLessThan(1e-4);
  });

  test('goes into the coordinates of its crop and back', () => {
    const frame = region.frame(map, camera);
    const grid = new Float32Array(3 * region.grid.length);
    region.grid.forEach((texel, i) => grid.set(map.subarray(3 * texel, 3 * texel + 3), 3 * i));
    const inside = frame.into(grid);
    expect(largestDifference(inside, vectors.float64(`inside ${k}`))).toBeLessThan(1e-6);
    expect(largestDifference(frame.out(inside), grid)).toBeLessThan(1e-4);
  });
});

test('the left eye is the mirror image of the right one', () => {
  const [right, left, mouth] = regions.all;
  expect([right.mirrored, left.mirrored, mouth.mirrored]).toEqual([false, true, false]);
  const column = (texel: number): number => texel % layout.size;
  expect(right.texels.every((texel, k) => column(texel) + column(left.texels[k]) === layout.size - 1)).toBe(true);
  const determinants = regions.all.map((region) => {
    const [a, b, c, d] = region.frame(map, camera).axes;
    return Math.round(a * d - b * c);
  });
  expect(determinants).toEqual([1, -1, 1]);
});
