/**
 * Dense 3D faces in the browser, from a photo or a video: `createFaceTracker` makes a {@link FaceTracker}.
 */
export { createFaceTracker } from './runtime/client';
export { poseMatrix, type PoseMatrixOptions } from './pose-matrix';
export * from './types';
export { VERSION } from './version';
