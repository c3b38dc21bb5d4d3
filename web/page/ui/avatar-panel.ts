/** The avatar: which model is driven, its bars, and the recording. */
import type { Face } from '../../src/index';
import { AvatarModel } from '../avatar/model';
import { momentOf, Recorder, type Moment } from '../avatar/take';
import { animateGlb } from '../export/animate-glb';
import { takeCsv } from '../export/csv';
import type { Viewer } from '../scene/viewer';
import { isLive, type AppStore } from '../state/state';
import { WeightBars } from './bars';
import { byId, saveFile, setText } from './dom';
import { hideMessage, showError, showNote } from './messages';

const SECONDS = 10;

/** The 3D view waits for something; nothing else is told of it. */
async function busy<T>(coming: Promise<T>): Promise<T> {
  const canvas = byId('viewer');
  canvas.ariaBusy = 'true';
  try {
    return await coming;
  } finally {
    canvas.ariaBusy = 'false';
  }
}

export class AvatarPanel {
  private readonly recorder = new Recorder(SECONDS);
  private readonly bars = new WeightBars(byId('bars'));
  private model: AvatarModel | null = null;
  private loading: Promise<void> | null = null;
  private choices = 0;
  private moment: Moment | null = null;
  private clock = 0;

  constructor(
    private readonly store: AppStore,
    private readonly viewer: Viewer,
  ) {
    byId('record').addEventListener('click', () => this.toggleRecording());
    byId('take-glb').addEventListener('click', () => this.saveAnimation());
    byId('take-csv').addEventListener('click', () => {
      saveFile(takeCsv(this.recorder.take), 'weights.csv', 'text/csv');
      showNote('Saved weights.csv');
    });
    byId('own-avatar').addEventListener('click', () => byId<HTMLInputElement>('avatar-file').click());
    byId('bundled-avatar').addEventListener('click', () => void this.choose(busy(AvatarModel.bundled())));
    const input = byId<HTMLInputElement>('avatar-file');
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (file) void this.use(file);
      input.value = '';
    });
    store.on(['shows'], ({ shows }) => {
      if (shows === 'avatar') void this.ready();
    });
    store.on(['tab', 'shows'], () => this.refresh());
    store.on(['follow'], () => this.drive());
    store.on(['source', 'recording', 'faces'], () => this.showRecording());
  }

  /** Follow the face of a new picture; null where there is none. */
  frame(face: Face | null, time: number, mirrored: boolean): void {
    if (face && this.recorder.recording) this.recorder.add(face, time);
    this.moment = face ? momentOf(face, 0) : null;
    byId('bars').classList.toggle('mirrored-bars', mirrored);
    this.refresh();
  }

  /** Show the present moment where it is seen: that of a photo is there before this panel is opened. */
  private refresh(): void {
    const { tab, shows } = this.store.get();
    if (tab === 'avatar') this.bars.update(this.moment);
    if (shows === 'avatar') this.drive();
  }

  /** Drive the reader's own model from now on. */
  async use(file: File): Promise<void> {
    const model = await this.choose(AvatarModel.fromFile(file));
    if (!model) return;
    this.store.set({ tab: 'avatar', shows: 'avatar' });
    showNote(`${file.name} has ${model.names.length} of ARKit’s expressions`);
  }

  /** Show a model that the reader has chosen, when it has come; null if it cannot be read or another one was chosen. */
  private async choose(coming: Promise<AvatarModel>): Promise<AvatarModel | null> {
    const choice = ++this.choices;
    try {
      const model = await coming;
      if (choice === this.choices) {
        hideMessage();
        this.setModel(model);
        return model;
      }
      model.dispose();
    } catch (error) {
      if (choice === this.choices) showError(error);
    }
    return null;
  }

  /** Load the bundled head when the avatar is first shown. The reader's own one, if it is there first, stays. */
  private async ready(): Promise<void> {
    if (this.model) return;
    const take = (model: AvatarModel): void => (this.model ? model.dispose() : this.setModel(model));
    this.loading ??= busy(AvatarModel.bundled())
      .then(take)
      .catch(showError)
      .finally(() => (this.loading = null));
    await this.loading;
  }

  private setModel(model: AvatarModel): void {
    if (this.model) {
      this.viewer.avatar.remove(this.model.root);
      this.model.dispose();
    }
    this.model = model;
    this.viewer.avatar.add(model.root);
    byId('bundled-avatar').hidden = !model.own;
    this.drive();
  }

  private drive(): void {
    if (!this.model) return;
    const still: Moment = {
      seconds: 0,
      weights: {},
      angles: [0, 0, 0],
      rotation: [0, 0, 0, 1],
      gaze: [0, 0, 1, 0, 0, 1],
    };
    this.model.drive(this.moment ?? still, this.store.get().follow);
    this.viewer.painter.invalidate();
  }

  private toggleRecording(): void {
    if (this.recorder.recording) {
      this.endRecording();
      return;
    }
    this.recorder.start(performance.now());
    this.store.set({ recording: 'recording' });
    this.clock = window.setInterval(() => {
      if (this.recorder.expire(performance.now()) || !this.recorder.recording) this.endRecording();
      else this.showRecording();
    }, 100);
  }

  private endRecording(): void {
    window.clearInterval(this.clock);
    this.recorder.stop();
    const { moments } = this.recorder.take;
    this.store.set({ recording: moments.length ? 'done' : 'idle' });
    showNote(moments.length ? `Recorded ${moments.length} pictures` : 'Nothing was recorded: no face was seen.');
  }

  private showRecording(): void {
    const { recording, source } = this.store.get();
    const live = isLive(source);
    const button = byId<HTMLButtonElement>('record');
    if (recording === 'recording' && !live) {
      this.endRecording();
      return;
    }
    button.disabled = !live;
    button.classList.toggle('recording', recording === 'recording');
    const left = this.recorder.remaining(performance.now());
    setText(byId('record-label'), recording === 'recording' ? `Stop · ${Math.ceil(left)} s` : `Record ${SECONDS} s`);
    button.style.setProperty('--share', `${1 - left / SECONDS}`);
    byId('take').hidden = recording !== 'done';
    setText(byId('record-note'), live ? '' : 'Start the camera or open a video to record.');
  }

  private saveAnimation(): void {
    try {
      if (!this.model) return;
      saveFile(animateGlb(this.model.file, this.recorder.take), 'avatar.glb', 'model/gltf-binary');
      showNote('Saved avatar.glb');
    } catch (error) {
      showError(error);
    }
  }
}
