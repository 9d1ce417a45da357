/** What a browser tab shows to the server: a key, or in dev mode the name of a project. */
export interface Credential {
  readonly token?: string
  readonly project?: string
}

/**
 * The place of the credential. The storage of a session belongs to one tab, ends with it and is
 * never sent by itself, so that no other page can use it.
 */
const storageKey = 'tony-credential'

/** The fragment of a link that can be shared: `#key=KEY&to=/tasks`. No request contains it. */
const linkPattern = /^#key=([^&]+)(?:&to=(.*))?$/

function isCredential(value: unknown): value is Credential {
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).every((field) => typeof field === 'string')
}

/** Returns a part of a link, or undefined if an escape in it is broken. */
function decodePart(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/**
 * Takes the key of a link out of the address, so that it is neither shown nor kept in history. The
 * server refuses a broken key, and the page says so.
 */
function takeLinkedKey(): string | undefined {
  const [, key, path = '/'] = linkPattern.exec(location.hash) ?? []
  if (key === undefined) return undefined
  history.replaceState(null, '', `#${decodePart(path) ?? '/'}`)
  return decodePart(key) ?? key
}

/** Loads the page anew for a link that is opened in a tab that has the page already. */
export function followLinkedKeys(): void {
  window.addEventListener('hashchange', () => {
    if (linkPattern.test(location.hash)) location.reload()
  })
}

export function saveCredential(credential: Credential): void {
  sessionStorage.setItem(storageKey, JSON.stringify(credential))
}

export function forgetCredential(): void {
  sessionStorage.removeItem(storageKey)
}

/** Returns the credential of a link, else that of this tab, else an empty one. */
export function readCredential(): Credential {
  const token = takeLinkedKey()
  if (token !== undefined) {
    saveCredential({ token })
    return { token }
  }
  const stored: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? '{}')
  return isCredential(stored) ? stored : {}
}

/** Returns a link that signs its reader in with a key. The key is in the fragment alone. */
export const linkOf = (key: string, path: string): string =>
  `${location.origin}${location.pathname}#key=${encodeURIComponent(key)}&to=${encodeURIComponent(path)}`

/** The address of the server: the folder of this page, which a proxy may have moved. */
export const readServerUrl = (): string =>
  new URL('.', `${location.origin}${location.pathname}`).href.replace(/\/$/, '')
