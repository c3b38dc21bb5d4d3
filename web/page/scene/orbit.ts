/** Turns the 3D view with the mouse, with fingers and with the keyboard. */
import { lessMotion } from './theme';

const RADIANS_PER_PIXEL = 0.008;
const KEY_STEP = 0.1;
const MAX_PITCH = 1.5;
const MIN_ZOOM = 0.5;
const MAX_ZOOM = 6;
/** Share of the way that the view goes toward where it was turned, at 60 pictures a second. */
const EASE = 0.35;

export interface Angles {
  /** Radians: above 0 the right side of the model comes to the front. */
  yaw: number;
  pitch: number;
  zoom: number;
}

export class Orbit {
  /** What is shown. */
  readonly now: Angles = { yaw: 0, pitch: 0, zoom: 1 };
  /** The picture is mirrored on the screen, so a drag goes the other way. */
  mirrored = false;
  private readonly goal: Angles = { yaw: 0, pitch: 0, zoom: 1 };
  private readonly fingers = new Map<number, { x: number; y: number }>();

  /** @param canvas that is turned; it takes the focus, @param changed asks for another picture */
  constructor(
    canvas: HTMLElement,
    private readonly changed: () => void,
  ) {
    canvas.addEventListener('pointerdown', (event) => {
      this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => this.drag(event));
    for (const end of ['pointerup', 'pointercancel'] as const) {
      canvas.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    }
    canvas.addEventListener('dblclick', () => this.reset());
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY * 0.0015));
      },
      { passive: false },
    );
    canvas.addEventListener('keydown', (event) => this.key(event));
  }

  /** Whether somebody turns the view at this moment. */
  get held(): boolean {
    return this.fingers.size > 0;
  }

  /** Look from the front again. */
  reset(): void {
    Object.assign(this.goal, { yaw: 0, pitch: 0, zoom: 1 });
    this.changed();
  }

  zoomBy(factor: number): void {
    this.goal.zoom = Math.min(Math.max(this.goal.zoom * factor, MIN_ZOOM), MAX_ZOOM);
    this.changed();
  }

  turnBy(yaw: number, pitch: number): void {
    this.goal.yaw += yaw;
    this.goal.pitch = Math.min(Math.max(this.goal.pitch + pitch, -MAX_PITCH), MAX_PITCH);
    this.changed();
  }

  /** Move what is shown toward where it was turned. Returns whether it is not there yet. */
  step(): boolean {
    const share = lessMotion() ? 1 : EASE;
    let far = 0;
    for (const key of ['yaw', 'pitch', 'zoom'] as const) {
      const way = this.goal[key] - this.now[key];
      far = Math.max(far, Math.abs(way));
      this.now[key] = Math.abs(way) < 1e-3 ? this.goal[key] : this.now[key] + share * way;
    }
    return far >= 1e-3;
  }

  private drag(event: PointerEvent): void {
    const from = this.fingers.get(event.pointerId);
    if (!from) return;
    const before = this.spread();
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.fingers.size === 2) {
      this.zoomBy(this.spread() / (before || 1));
      return;
    }
    const side = this.mirrored ? -1 : 1;
    const right = side * (event.clientX - from.x) * RADIANS_PER_PIXEL;
    this.turnBy(right, (event.clientY - from.y) * RADIANS_PER_PIXEL);
  }

  private spread(): number {
    if (this.fingers.size !== 2) return 0;
    const [a, b] = [...this.fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  }

  private key(event: KeyboardEvent): void {
    const side = this.mirrored ? -1 : 1;
    const ways: Record<string, () => void> = {
      ArrowLeft: () => this.turnBy(-side * KEY_STEP, 0),
      ArrowRight: () => this.turnBy(side * KEY_STEP, 0),
      ArrowUp: () => this.turnBy(0, -KEY_STEP),
      ArrowDown: () => this.turnBy(0, KEY_STEP),
      '+': () => this.zoomBy(1.15),
      '=': () => this.zoomBy(1.15),
      '-': () => this.zoomBy(1 / 1.15),
      Home: () => this.reset(),
    };
    const way = ways[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    way();
  }
}
