/** The template that readers paint a mask on: the chart with the mesh of the mean face. */
import type { FaceMesh } from '../../src/index';

const SIDE = 2048;
/** Every so many rows and columns of the map have a line. */
const GRID = 4;
const SKIN = '#f4e9df';
const OPENING = '#ffffff';
const LINE = 'rgba(20, 60, 70, 0.28)';
const STRONG = 'rgba(20, 60, 70, 0.75)';

/** Draw the template: transparent outside the face; eyes and mouth are white, where a mask is best left open. */
export function drawTemplate(mesh: FaceMesh): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  const split = 3 * mesh.membraneStart;
  const fill = (from: number, to: number, color: string): void => {
    context.fillStyle = context.strokeStyle = color;
    context.lineWidth = 1; // closes the seams between triangles
    context.beginPath();
    for (let k = from; k < to; k += 3) {
      for (let c = 0; c < 3; c++) {
        const v = 2 * mesh.triangles[k + c];
        context[c ? 'lineTo' : 'moveTo'](mesh.uv[v] * SIDE, mesh.uv[v + 1] * SIDE);
      }
      context.closePath();
    }
    context.fill();
    context.stroke();
  };
  fill(0, split, SKIN);
  fill(split, mesh.triangles.length, OPENING);
  drawGrid(context, mesh.size);
  for (const [edges, width] of [
    [borderEdges(mesh.triangles.subarray(0, split)), 4],
    [borderEdges(mesh.triangles), 6],
  ] as const) {
    drawEdges(context, mesh, edges, width);
  }
  return canvas;
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

function drawEdges(context: CanvasRenderingContext2D, mesh: FaceMesh, edges: [number, number][], width: number): void {
  context.strokeStyle = STRONG;
  context.lineWidth = width;
  context.lineCap = 'round';
  context.beginPath();
  for (const [a, b] of edges) {
    context.moveTo(mesh.uv[2 * a] * SIDE, mesh.uv[2 * a + 1] * SIDE);
    context.lineTo(mesh.uv[2 * b] * SIDE, mesh.uv[2 * b + 1] * SIDE);
  }
  context.stroke();
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
