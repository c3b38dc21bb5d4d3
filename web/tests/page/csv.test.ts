import { describe, expect, it } from 'vitest';
import { momentOf } from '../../page/avatar/take';
import { csv, landmarksCsv, supportedNames, takeCsv, weightsCsv } from '../../page/export/csv';
import { face } from './faces';

const lines = (text: string): string[] => text.trimEnd().split('\r\n');

const SIZE = { width: 640, height: 480 };

describe('csv', () => {
  it('quotes what needs it, and leaves out what is no number', () => {
    expect(csv([['a,b', 'say "x"', 1.5, NaN, 'plain']])).toBe('"a,b","say ""x""",1.5,,plain\r\n');
  });

  it('has 68 landmarks of each face', () => {
    const rows = lines(landmarksCsv([face(), face()], SIZE, SIZE));
    expect(rows[0]).toBe('face,point,x,y,z');
    expect(rows).toHaveLength(1 + 2 * 68);
    expect(rows[2]).toBe('1,1,1,1.333,1.667');
    expect(rows.at(-1)).toMatch(/^2,67,/);
  });

  it('has landmarks in the pixels of the file, where the picture was made smaller', () => {
    const rows = lines(landmarksCsv([face()], SIZE, { width: 1280, height: 1440 }));
    // (1 + 0.5) * 2 - 0.5, (4 / 3 + 0.5) * 3 - 0.5 and 5 / 3 * sqrt(6)
    expect(rows[2]).toBe('1,1,2.5,5,4.082');
  });

  it('has the pose and the weights that are found well enough in all faces', () => {
    const faces = [face({ jawOpen: 0.25, cheekPuff: 0.5 }, ['cheekPuff']), face({ jawOpen: 1, mouthPucker: 0.125 })];
    expect(supportedNames(faces)).toEqual(['jawOpen', 'mouthPucker']);
    const rows = lines(weightsCsv(faces));
    expect(rows[0]).toBe('face,pitch,yaw,roll,jawOpen,mouthPucker');
    expect(rows[1]).toBe('1,11.459,-28.648,17.189,0.25,0');
    expect(rows[2].endsWith(',1,0.125')).toBe(true);
  });

  it('has a row for each moment of a take', () => {
    const moments = [momentOf(face({ jawOpen: 0.1 }), 0), momentOf(face({ mouthPucker: 0.2 }), 0.0333333)];
    const rows = lines(takeCsv({ names: ['jawOpen', 'mouthPucker'], moments }));
    expect(rows[0]).toBe('seconds,pitch,yaw,roll,jawOpen,mouthPucker');
    expect(rows.slice(1)).toEqual(['0,11.459,-28.648,17.189,0.1,0', '0.0333,11.459,-28.648,17.189,0,0.2']);
  });
});
