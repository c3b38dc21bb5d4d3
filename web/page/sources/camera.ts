/** The camera as a playing video element. */
import { PageError } from '../ui/errors';

/** Asked of the camera; it gives what comes nearest. More pixels than these cost time and bring the face little. */
const WISH: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
  facingMode: 'user',
};

/** A source of pictures that follow one another. */
export interface LiveSource {
  video: HTMLVideoElement;
  /** End it, and free the camera. */
  stop(): void;
}

/**
 * Start the camera; the browser asks for permission.
 *
 * @param onEnd called if the camera is pulled out or taken away
 * @throws PageError `insecure`, `no-camera`, `refused` or `camera-busy`
 */
export async function openCamera(onEnd: () => void): Promise<LiveSource> {
  const devices = (navigator as Partial<Navigator>).mediaDevices;
  if (!devices?.getUserMedia) throw new PageError('insecure');
  let stream: MediaStream;
  try {
    stream = await devices.getUserMedia({ video: WISH, audio: false });
  } catch (error) {
    throw new PageError(cameraErrorCode(error));
  }
  const video = silentVideo();
  video.srcObject = stream;
  const tracks = stream.getVideoTracks();
  for (const track of tracks) track.addEventListener('ended', onEnd);
  const stop = (): void => {
    for (const track of tracks) {
      track.removeEventListener('ended', onEnd);
      track.stop();
    }
    video.srcObject = null;
  };
  try {
    await video.play();
  } catch {
    stop();
    throw new PageError('camera-busy');
  }
  return { video, stop };
}

/** What an error of `getUserMedia` means; browsers agree on the names (Media Capture and Streams, section 10.2). */
export function cameraErrorCode(error: unknown): 'no-camera' | 'refused' | 'camera-busy' {
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
  return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'no-camera' : 'camera-busy';
}

/** A video element that plays by itself, also on phones. */
export function silentVideo(): HTMLVideoElement {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  return video;
}
