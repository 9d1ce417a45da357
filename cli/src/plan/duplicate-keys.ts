/** A name that an object has twice, and where: JSON.parse drops the first value without a word. */
export interface DuplicateKey {
  readonly key: string
  readonly first: number
  readonly second: number
}

/** Returns the position of the quotation mark that ends a string. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at
    while (text[before - 1] === '\\') before -= 1
    if ((at - before) % 2 === 0) return at
  }
  return text.length
}

const colonPattern = /[ \t\r\n]*:/y

/** Yields the duplicate keys of a valid JSON text, with the positions of both. */
export function* duplicateKeys(text: string): Generator<DuplicateKey, void> {
  const open: Map<string, number>[] = []
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '{') open.push(new Map())
    else if (character === '}') open.pop()
    else if (character === '"') {
      const end = endOfString(text, at)
      colonPattern.lastIndex = end + 1
      if (colonPattern.test(text)) {
        const key: string = JSON.parse(text.slice(at, end + 1))
        const first = open.at(-1)?.get(key)
        if (first !== undefined) yield { key, first, second: at }
        open.at(-1)?.set(key, at)
      }
      at = end
    }
  }
}
