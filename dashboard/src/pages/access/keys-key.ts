/** The place of the keys in the cache. */
export const keysKey = ['auth', 'keys'] as const
