/** The template that readers paint a mask on: the chart with the mesh of the mean face. */
import type { FaceMesh } from '../../src/index';

const SIDE = 2048;
/** Every so many rows and columns of the map have a line. */
const GRID = 4;
const SKIN = '#f4e9df';
const OPENING = '#ffffff';
const LINE = 'rgba(20, 60, 70, 0.28)';
/** How often the openings are smoothed: they end in steps of the map's grid. */
const ROUNDS = 12;
const STRONG = 'rgba(20, 60, 70, 0.75)';

/** Draw the template: transparent outside the face; eyes and mouth are white, where a mask is best left open. */
export function drawTemplate(mesh: FaceMesh): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  const outline = smoothLoops(mesh, mesh.triangles, 1);
  const openings = smoothLoops(mesh, mesh.triangles.subarray(3 * mesh.membraneStart), ROUNDS);
  paint(context, outline, SKIN);
  paint(context, openings, OPENING);
  drawGrid(context, mesh.size);
  context.strokeStyle = STRONG;
  context.lineWidth = 6;
  context.stroke(path(outline));
  context.lineWidth = 4;
  context.stroke(path(openings));
  return canvas;
}

type Place = readonly [number, number];

function path(loops: readonly Place[][]): Path2D {
  const out = new Path2D();
  for (const loop of loops) {
    loop.forEach(([x, y], k) => (k ? out.lineTo(x * SIDE, y * SIDE) : out.moveTo(x * SIDE, y * SIDE)));
    out.closePath();
  }
  return out;
}

function paint(context: CanvasRenderingContext2D, loops: readonly Place[][], color: string): void {
  context.fillStyle = color;
  context.fill(path(loops));
}

/** The borders of some triangles as loops of places in the chart, without the steps of the grid. */
function smoothLoops(mesh: FaceMesh, triangles: Uint32Array, rounds: number): Place[][] {
  return borderLoops(triangles).map((loop) => {
    let places = loop.map((v): Place => [mesh.uv[2 * v], mesh.uv[2 * v + 1]]);
    for (let round = 0; round < rounds; round++) {
      const n = places.length;
      places = places.map(([x, y], k): Place => {
        const [before, after] = [places[(k + n - 1) % n], places[(k + 1) % n]];
        return [(before[0] + 2 * x + after[0]) / 4, (before[1] + 2 * y + after[1]) / 4];
      });
    }
    return places;
  });
}

/** The borders of triangles as loops of vertex numbers. */
export function borderLoops(triangles: ArrayLike<number>): number[][] {
  const after = new Map(borderEdges(triangles));
  const loops: number[][] = [];
  for (let [start] = after.keys(); start !== undefined; [start] = after.keys()) {
    const loop: number[] = [];
    for (let v: number | undefined = start; v !== undefined;) {
      loop.push(v);
      const next: number | undefined = after.get(v);
      after.delete(v);
      v = next === start ? undefined : next;
    }
    if (loop.length > 2) loops.push(loop);
  }
  return loops;
}

/** Lines of the map, only over what is painted already. */
function drawGrid(context: CanvasRenderingContext2D, size: number): void {
  context.globalCompositeOperation = 'source-atop';
  context.strokeStyle = LINE;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let k = 0; k < size; k += GRID) {
    const at = ((k + 0.5) / size) * SIDE;
    context.moveTo(at, 0);
    context.lineTo(at, SIDE);
    context.moveTo(0, at);
    context.lineTo(SIDE, at);
  }
  context.stroke();
  context.strokeStyle = STRONG; // the line of symmetry
  context.setLineDash([14, 14]);
  context.beginPath();
  context.moveTo(SIDE / 2, 0);
  context.lineTo(SIDE / 2, SIDE);
  context.stroke();
  context.setLineDash([]);
  context.globalCompositeOperation = 'source-over';
}

/** Edges that only one of the triangles has. */
export function borderEdges(triangles: ArrayLike<number>): [number, number][] {
  const edges = new Map<string, [number, number]>();
  for (let k = 0; k < triangles.length; k += 3) {
    for (let c = 0; c < 3; c++) {
      const a = triangles[k + c];
      const b = triangles[k + ((c + 1) % 3)];
      const twin = `${b} ${a}`;
      if (!edges.delete(twin)) edges.set(`${a} ${b}`, [a, b]);
    }
  }
  return [...edges.values()];
}
