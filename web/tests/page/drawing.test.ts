import { describe, expect, it } from 'vitest';
import { fitTo } from '../../page/effects/frames';
import { fitHarmonics, harmonicsAt, median, solve } from '../../page/effects/light-fit';
import { surfaceColor } from '../../page/effects/matcaps';
import { lampDirection } from '../../page/effects/relight';
import { borderEdges, borderLoops } from '../../page/effects/template';
import { boxOf, closeUp, contain } from '../../page/stage/fit';
import { BORDER_LEVELS, chartPicture } from '../../page/texture/chart';
import { MESH } from './faces';

describe('chartPicture', () => {
  const size = 20;
  const chart = chartPicture(MESH, size);
  const at = (x: number, y: number): number[] => Array.from(chart.slice(4 * (y * size + x), 4 * (y * size + x) + 4));

  it('marks the face and its membrane', () => {
    expect(at(0, 0)).toEqual([0, 0, 0, 255]);
    expect(at(4, 10).slice(0, 2)).toEqual([255, 0]);
    expect(at(14, 10).slice(0, 2)).toEqual([255, 255]); // the last triangles
    const covered = Array.from({ length: size * size }, (_, k) => chart[4 * k]).filter(Boolean).length;
    expect(covered).toBe(16 * 16); // texels 2 to 17 have their centres inside 0.1 to 0.9
  });

  it('knows how far the border is', () => {
    expect(at(2, 10)[2]).toBe(BORDER_LEVELS);
    expect(at(9, 9)[2]).toBe(8 * BORDER_LEVELS);
    expect(at(2, 2)[2]).toBe(BORDER_LEVELS);
  });
});

describe('places on the screen', () => {
  it('contain a picture', () => {
    expect(contain({ width: 400, height: 200 }, { width: 300, height: 300 })).toEqual({
      left: 0,
      top: 75,
      width: 300,
      height: 150,
    });
  });

  it('close up on small faces, in the shape of the box and inside the picture', () => {
    const picture = { width: 1000, height: 1000 };
    const part = closeUp(picture, { x: 20, y: 300, width: 80, height: 100 }, { width: 600, height: 400 });
    expect(part).not.toBeNull();
    expect((part?.width ?? 0) / (part?.height ?? 1)).toBeCloseTo(1.5, 9);
    expect(part?.height).toBeCloseTo(230, 9);
    expect(part?.x).toBe(0);
    expect(part?.y).toBeGreaterThan(0);
  });

  it('leave large faces and wide groups alone', () => {
    const picture = { width: 1000, height: 1000 };
    expect(closeUp(picture, { x: 300, y: 300, width: 300, height: 400 }, { width: 600, height: 400 })).toBeNull();
    expect(closeUp(picture, { x: 20, y: 400, width: 960, height: 100 }, { width: 300, height: 400 })).toBeNull();
  });

  it('find the box around landmarks', () => {
    const points = Float32Array.from({ length: 204 }, (_, k) => [k, 2 * k, 0][k % 3]);
    expect(boxOf([points])).toEqual({ x: 0, y: 2, width: 201, height: 402 });
    expect(boxOf([])).toBeNull();
  });
});

describe('light', () => {
  const normals = Array.from({ length: 400 }, (_, k) => {
    const [angle, z] = [k * 2.399963, 0.2 + (0.8 * (k % 100)) / 100];
    const side = Math.sqrt(1 - z * z);
    return [side * Math.cos(angle), side * Math.sin(angle), z] as const;
  });
  const truth = [0.9, 0.2, 0.5, -0.3, 0, 0.05, 0.02, 0, 0];
  const basis = normals.map((normal) => harmonicsAt(...normal));
  const brightness = basis.map((row) => row.reduce((sum, value, k) => sum + value * truth[k], 0));

  it('is found from brightness, although a part is painted', () => {
    const painted = brightness.map((value, k) => (k % 9 === 0 ? 0.05 : value));
    const found = fitHarmonics(basis, painted) ?? [];
    const errors = basis.map((row, k) =>
      Math.abs(row.reduce((sum, value, j) => sum + value * found[j], 0) - brightness[k]),
    );
    expect(median(errors)).toBeLessThan(0.03);
  });

  it('is not found from a handful of samples', () => {
    expect(fitHarmonics(basis.slice(0, 20), brightness.slice(0, 20))).toBeNull();
  });

  it('solves systems, also where rows must be exchanged', () => {
    const solution = solve([[0, 2, 1], [1, 1, 0], [3, 0, 1]], [7, 3, 6]); // prettier-ignore
    [1, 2, 3].forEach((value, k) => expect(solution[k]).toBeCloseTo(value, 9));
  });

  it('comes from where the lamp stands', () => {
    expect(lampDirection({ x: 0, y: 0, strength: 1 })).toEqual([0, 0, 1]);
    for (const lamp of [
      { x: 1, y: 0 },
      { x: -0.4, y: 0.7 },
      { x: 2, y: 2 },
    ]) {
      const direction = lampDirection({ ...lamp, strength: 1 });
      expect(Math.hypot(...direction)).toBeCloseTo(1, 9);
      expect(Math.sign(direction[0])).toBe(Math.sign(lamp.x));
      expect(direction[2]).toBeGreaterThan(0);
    }
  });
});

describe('template', () => {
  it('draws the edges that one triangle has', () => {
    const edges = borderEdges(MESH.triangles).map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`);
    expect(edges.sort()).toEqual(['0 1', '0 2', '1 3', '2 4', '3 5', '4 5']);
  });
});

describe('borders', () => {
  it('are loops, one for each opening', () => {
    expect(borderLoops(MESH.triangles)).toEqual([[0, 1, 3, 5, 4, 2]]);
    expect(borderLoops([0, 1, 2, 5, 6, 7]).map((loop) => loop.length)).toEqual([3, 3]);
    expect(borderLoops([])).toEqual([]);
  });
});

describe('what glasses are made of', () => {
  it('is brighter toward the lamp, and glass shows only what it mirrors', () => {
    const sum = (color: readonly number[]): number => color[0] + color[1] + color[2];
    for (const kind of ['metal', 'plastic'] as const) {
      const toward = surfaceColor(kind, [0.4, 0.3, 0.2], [-0.43, 0.62, 0.656]);
      expect(sum(toward)).toBeGreaterThan(1.2 * sum(surfaceColor(kind, [0.4, 0.3, 0.2], [0.5, -0.6, 0.62])));
    }
    expect(sum(surfaceColor('glass', [1, 1, 1], [0.2, -0.3, 0.93]))).toBeLessThan(0.5);
  });
});

describe('glasses', () => {
  it('take their measures from the landmarks', () => {
    const landmarks = new Float32Array(204);
    for (let k = 36; k < 42; k++) landmarks.set([-31, 20, 5], 3 * k);
    for (let k = 42; k < 48; k++) landmarks.set([33, 22, 7], 3 * k);
    landmarks.set([0, 20, 18], 3 * 27);
    landmarks.set([0, 12, 24], 3 * 28);
    landmarks.set([-68, 10, -50], 0);
    landmarks.set([70, 10, -54], 3 * 16);
    const { apart, middle, bridge, ear } = fitTo(landmarks);
    const expected = [64, 1, 21, 6, 21, 69, -52];
    [apart, ...middle, bridge, ...ear].forEach((value, k) => expect(value).toBeCloseTo(expected[k], 9));
  });
});
