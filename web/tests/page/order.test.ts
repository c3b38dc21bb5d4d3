import { expect, it } from 'vitest';
import { largestFirst } from '../../page/faces/order';
import { face } from './faces';

it('faces are counted from the largest, whatever their ids', () => {
  const faces = [1, 3, 2].map((scale, id) => ({ ...face(), id, pose: { ...face().pose, scale } }));
  expect(largestFirst(faces).map(({ id }) => id)).toEqual([1, 2, 0]);
  expect(faces.map(({ id }) => id)).toEqual([0, 1, 2]);
});
