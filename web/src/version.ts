/** The version of the package, in the page's part of it and in the worker's; the build fills it in. */
declare const LPRNET_VERSION: string | undefined;

export const VERSION: string = typeof LPRNET_VERSION === 'string' ? LPRNET_VERSION : 'development';
