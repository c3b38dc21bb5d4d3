/** Puts the parts together: pictures go from a source through the tracker to the picture, the 3D view and the panels. */
import type { Face, FaceTracker } from '../src/index';
import { loadAsset } from './assets';
import { OWN_MASK } from './effects/catalogue';
import { Gallery } from './effects/gallery';
import { countText, largestFirst, MAX_FACES } from './faces/order';
import { onThemeChange } from './scene/theme';
import { Viewer } from './scene/viewer';
import { openCamera, type LiveSource } from './sources/camera';
import { isModel, isVideo, openVideo, readPhoto } from './sources/files';
import { PhotoTexture } from './stage/photo-texture';
import { Stage } from './stage/stage';
import { readLink } from './state/link';
import { openSource, showFaces, type AppStore, type SourceKind } from './state/state';
import { Opener, type Ready } from './tracking/opener';
import { Session, type Frame } from './tracking/session';
import { AvatarPanel } from './ui/avatar-panel';
import { byId, setText } from './ui/dom';
import { connectEffects } from './ui/effects-panel';
import { FaceChips } from './ui/face-chips';
import { connectZoom, showNumbers } from './ui/face-panel';
import { hideMessage, showError, showNote } from './ui/messages';
import { connectSaving } from './ui/save-panel';
import type { SpeedPanel } from './ui/speed';

/** Pictures of a video without a face, after which it is said. */
const PATIENCE = 12;

export class App {
  private readonly stage: Stage;
  private readonly viewer: Viewer;
  private readonly session: Session;
  private readonly opener = new Opener({
    onBusy: (busy) => byId('stage-box').classList.toggle('busy', busy),
    onError: showError,
  });
  private readonly gallery = new Gallery();
  private readonly avatar: AvatarPanel;
  private readonly chips: FaceChips;
  private readonly texture = new PhotoTexture();
  private frame: Frame | null = null;
  private missed = 0;

  constructor(
    private readonly store: AppStore,
    tracker: FaceTracker,
    private readonly speed: SpeedPanel,
  ) {
    const { mesh } = tracker;
    const box = byId('stage-box');
    this.stage = new Stage(byId('stage'), box, [byId('chips')], mesh, (ms) => speed.drawn('stage', ms));
    this.viewer = new Viewer(byId('viewer'), mesh, (ms) => speed.drawn('viewer', ms));
    this.session = new Session(tracker, {
      onFrame: (frame) => this.receive(frame),
      onError: (error) => this.failed(error),
    });
    this.avatar = new AvatarPanel(store, this.viewer);
    this.chips = new FaceChips(byId('chips'), store);
    connectZoom(this.viewer.orbit);
    connectSaving(store, () => {
      const [face, frame] = [this.selected(), this.frame];
      return face && frame && { face, frame, mesh, stage: this.stage, viewer: this.viewer };
    });
    const askForMask = (): void => byId<HTMLInputElement>('mask-file').click();
    connectEffects(store, { onOwnMask: askForMask }, () => mesh);
    this.connectSources();
    this.connectState();
    this.connectLamp();
    onThemeChange(() => {
      this.stage.retheme();
      this.viewer.retheme();
    });
    speed.show(tracker.info);
    const link = readLink(location.hash);
    store.set(link.state);
    this.viewer.orbit.turnBy(link.yaw, link.pitch);
  }

  /** Show the bundled sample. */
  async openSample(): Promise<void> {
    await this.opener.open(async () => this.photo('sample', await loadAsset('sample.jpg')));
  }

  /** Take a file that the reader has chosen or dropped. */
  take(file: File): void {
    const paints = this.store.get().effect === OWN_MASK && !isModel(file) && !isVideo(file);
    if (paints) void this.bringMask(file);
    else this.openFile(file);
  }

  private openFile(file: File): void {
    hideMessage();
    if (isModel(file)) void this.avatar.use(file);
    else if (isVideo(file)) void this.opener.open(async () => this.live('video', await openVideo(file)));
    else void this.opener.open(() => this.photo('photo', file));
  }

  private startCamera(): void {
    void this.opener.open(async () => this.live('camera', await openCamera(() => this.endLive())));
  }

  private async photo(kind: SourceKind, file: Blob): Promise<Ready> {
    const frame = await this.session.photo(await readPhoto(file));
    const show = (): void => {
      this.session.stop();
      this.begin(kind);
      this.receive(frame);
      const count = frame.tracking.faces.length;
      if (count >= MAX_FACES) showNote(countText(count));
    };
    return { show, drop: () => undefined };
  }

  private live(kind: SourceKind, source: LiveSource): Ready {
    const show = (): void => {
      this.begin(kind);
      void this.session.live(source);
    };
    return { show, drop: () => source.stop() };
  }

  /** Another source takes the present one's place. */
  private begin(kind: SourceKind): void {
    this.store.set(openSource(kind));
    this.speed.reset();
    this.missed = 0;
  }

  /** End the camera or the video at once; its last picture stays until the sample is there. */
  private endLive(): void {
    this.session.stop();
    this.store.set({ source: null });
    if (!this.opener.busy) void this.openSample(); // what the reader has chosen meanwhile comes in its place
  }

  /** A picture with its faces has come from the tracker. */
  private receive(frame: Frame): void {
    this.speed.frame(frame.tracking.timings, frame.capture, performance.now(), frame.live);
    this.show(frame);
  }

  private show(frame: Frame): void {
    this.frame = frame;
    const { tracking, picture, live, time } = frame;
    const { mirrored } = this.store.get();
    const photo = this.texture.show(picture, live);
    this.stage.show(frame, photo);
    const bySize = largestFirst(tracking.faces);
    this.store.set(
      showFaces(
        this.store.get(),
        bySize.map(({ id }) => id),
      ),
    );
    const face = this.selected();
    this.viewer.show(face && { face, photo, live });
    this.avatar.frame(face, time, mirrored);
    this.chips.update(bySize, (x, y) => this.stage.shareOf(x, y), mirrored);
    byId('close-up').hidden = !this.stage.canClose;
    showNumbers(face);
    this.tellWhetherFound(face !== null, live);
    byId('poster').hidden = true;
  }

  private tellWhetherFound(found: boolean, live: boolean): void {
    this.missed = found ? 0 : this.missed + 1;
    const missing = !found && (!live || this.missed > PATIENCE);
    byId('no-face').hidden = !missing;
    if (missing) {
      const text = live
        ? 'Looking for a face. Come into the light and look toward the camera.'
        : 'Open a photo in which a face is larger.';
      setText(byId('no-face-text'), text);
    }
    if (found || missing) setText(byId('status'), countText(this.frame?.tracking.faces.length ?? 0));
  }

  /** The face that the 3D view shows. */
  private selected(): Face | null {
    const { selected } = this.store.get();
    const faces = this.frame?.tracking.faces ?? [];
    return faces.find(({ id }) => id === selected) ?? faces[0] ?? null;
  }

  /** The camera or the video cannot be followed any more. */
  private failed(error: unknown): void {
    showError(error);
    this.endLive();
  }

  private connectSources(): void {
    byId('camera').addEventListener('click', () => {
      hideMessage();
      if (this.store.get().source === 'camera') this.endLive();
      else this.startCamera();
    });
    byId('sample').addEventListener('click', () => {
      hideMessage();
      void this.openSample();
    });
    this.filePicker('open', 'photo-file', (file) => this.openFile(file));
    this.filePicker(null, 'mask-file', (file) => void this.bringMask(file));
  }

  private filePicker(button: string | null, id: string, take: (file: File) => void): void {
    const input = byId<HTMLInputElement>(id);
    if (button) byId(button).addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (file) take(file);
      input.value = ''; // the same file can be opened again
    });
  }

  private async bringMask(file: File): Promise<void> {
    try {
      await this.gallery.bringMask(file);
      hideMessage();
      if (this.store.get().effect === OWN_MASK) await this.chooseEffect();
      else this.store.set({ effect: OWN_MASK });
    } catch (error) {
      showError(error);
    }
  }

  private connectState(): void {
    const { store } = this;
    store.on(['source', 'mirrored'], ({ source, mirrored }) => {
      document.body.classList.toggle('mirrored', mirrored);
      byId('camera').classList.toggle('on', source === 'camera');
      setText(byId('camera-label'), source === 'camera' ? 'Stop camera' : 'Start camera');
    });
    store.on(['drawMesh', 'drawLandmarks', 'drawGaze'], (state) => {
      this.stage.setOverlay({ mesh: state.drawMesh, landmarks: state.drawLandmarks, gaze: state.drawGaze });
    });
    const closer = byId('close-up');
    closer.addEventListener('click', () => store.set({ close: !store.get().close }));
    store.on(['close'], ({ close }) => {
      closer.setAttribute('aria-pressed', `${close}`);
      this.stage.setClose(close);
      if (this.frame) this.show(this.frame);
    });
    store.on(['view', 'shows', 'follow', 'drawGaze', 'mirrored'], ({ view, shows, follow, drawGaze, mirrored }) => {
      this.viewer.set({ view, shows, follow, gaze: drawGaze, mirrored });
    });
    store.on(['selected'], () => {
      if (this.frame) this.show(this.frame);
    });
    store.on(['effect', 'opacity', 'lamp'], () => void this.chooseEffect());
    store.on(['effect'], ({ effect }) => document.body.classList.toggle('lamp-on', effect.startsWith('light:')));
  }

  private async chooseEffect(): Promise<void> {
    const { effect: id } = this.store.get();
    const canvas = byId('stage');
    canvas.ariaBusy = 'true'; // until what the chosen effect paints with has arrived
    try {
      const { entry, effect, texture } = await this.gallery.choose(id);
      const { effect: now, opacity, lamp } = this.store.get();
      if (now !== id) return; // another one was chosen meanwhile
      this.stage.setEffect(effect, effect && { variant: entry.variant, opacity, lamp, texture });
      this.viewer.paint(entry.kind === 'mask' ? texture : null, opacity);
      canvas.ariaBusy = 'false';
    } catch (error) {
      this.store.set({ effect: 'none' });
      showError(error);
    }
  }

  /** The lamp follows the pointer over the picture. */
  private connectLamp(): void {
    const canvas = byId<HTMLCanvasElement>('stage');
    const move = (event: PointerEvent): void => {
      const face = this.selected();
      if (!face || !this.store.get().effect.startsWith('light:') || !event.buttons) return;
      const { x, y } = this.stage.pictureAt(event, this.store.get().mirrored);
      const reach = 190 * face.pose.scale; // a lamp two faces away stands beside the head
      const lamp = { x: (x - face.pose.translation[0]) / reach, y: (face.pose.translation[1] - y) / reach };
      const length = Math.max(Math.hypot(lamp.x, lamp.y), 1);
      this.store.set({ lamp: { ...this.store.get().lamp, x: lamp.x / length, y: lamp.y / length } });
    };
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    canvas.addEventListener('pointermove', move);
  }
}
