/**
 * One kind of error for whatever goes wrong in the worker.
 */
import { FaceError } from '../types.js';

// how browsers and Emscripten name the end of memory
const OUT_OF_MEMORY = /out of memory|OOM|allocation failed|cannot enlarge memory|could not allocate memory/i;

/**
 * Any thrown value as a {@link FaceError}.
 *
 * @param error what was caught
 * @param doing what was being done, for the message
 */
export function asFaceError(error: unknown, doing: string): FaceError {
  if (error instanceof FaceError) return error;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (OUT_OF_MEMORY.test(text)) {
    return new FaceError('memory', `Memory is used up while ${doing}. Close other pages, or take a smaller picture.`);
  }
  return new FaceError('internal', `${doing} failed, by an error of the package or the browser: ${text}`);
}
