/** Codes with which the server closes a socket. */
export const closeCodes = {
  restart: 1012,
  overloaded: 1013,
  malformed: 4400,
  unauthenticated: 4401,
  silent: 4408,
  flooding: 4429,
} as const
