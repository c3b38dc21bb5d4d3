/**
 * Dense 3D faces in the browser, from a photo or a video: `createFaceTracker` makes a {@link FaceTracker}.
 */
export { createFaceTracker } from './runtime/client.js';
export { poseMatrix, type PoseMatrixOptions } from './pose-matrix.js';
export * from './types.js';
export { VERSION } from './version.js';
