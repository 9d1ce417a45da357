import jsonc, { type Node, type ParseError } from 'jsonc-parser'
import { type ConfigEntry, type ConfigFormat, type EntryValue, HostFileError } from './config-entries.ts'

const byteOrderMark = '\uFEFF'

/** Returns the tree of a text. Throws HostFileError if it is not an object. */
function treeOf(text: string): Node {
  const errors: ParseError[] = []
  const tree = jsonc.parseTree(text, errors, { allowTrailingComma: true })
  const [first] = errors
  if (first) {
    const line = text.slice(0, first.offset).split('\n').length
    throw new HostFileError(`is broken at line ${line}: ${jsonc.printParseErrorCode(first.error)}`)
  }
  if (tree?.type !== 'object') throw new HostFileError('is not a JSON object')
  return tree
}

/**
 * Returns the node of a property, with its key and value. Throws HostFileError if the key occurs
 * twice.
 */
function propertyOf(object: Node, key: string): Node | undefined {
  const named = (object.children ?? []).filter(({ children }) => children?.[0]?.value === key)
  if (named.length > 1) throw new HostFileError(`holds ${key} twice`)
  return named[0]
}

const valueNodeOf = (property: Node | undefined): Node | undefined => property?.children?.[1]

/** Follows a path as far as it exists. Returns the last node and the missing keys. */
function followPath(tree: Node, path: readonly string[]): { node: Node; missing: readonly string[] } {
  let node = tree
  for (const [index, key] of path.entries()) {
    if (node.type !== 'object') throw new HostFileError(`holds no object at ${path.slice(0, index).join('.')}`)
    const next = valueNodeOf(propertyOf(node, key))
    if (!next) return { node, missing: path.slice(index) }
    node = next
  }
  return { node, missing: [] }
}

/** Returns the node of an entry; for an `element` our entry in the list. */
function entryNodeOf(tree: Node, { kind, path, isOurs }: ConfigEntry): Node | undefined {
  const { node, missing } = followPath(tree, path)
  if (missing.length > 0) return undefined
  if (kind !== 'element') return node
  if (node.type !== 'array') throw new HostFileError(`holds no list at ${path.join('.')}`)
  return node.children?.find((child) => isOurs(jsonc.getNodeValue(child)))
}

const lineEndOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n')
const indentUnitOf = (text: string): string => /^([ \t]+)\S/m.exec(text)?.[1] ?? '  '
const indentAt = (text: string, offset: number): string =>
  /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1))?.[0] ?? ''

/** Inserts an entry behind the opening bracket of an object or a list, before all others. */
function insertFirst(text: string, container: Node, key: string | undefined, value: unknown): string {
  const [lineEnd, unit] = [lineEndOf(text), indentUnitOf(text)]
  const outer = indentAt(text, container.offset)
  const json = JSON.stringify(value, undefined, unit).replaceAll('\n', `${lineEnd}${outer}${unit}`)
  const inserted = `${lineEnd}${outer}${unit}${key === undefined ? '' : `${JSON.stringify(key)}: `}${json}`
  const at = container.offset + 1
  const rest = text.slice(at, container.offset + container.length - 1)
  const isEmpty = (container.children ?? []).length === 0
  const close = isEmpty && !rest.includes('\n') ? `${lineEnd}${outer}` : ''
  return `${text.slice(0, at)}${inserted}${isEmpty ? '' : ','}${close}${text.slice(at)}`
}

function insertEntry(text: string, { entry, value }: EntryValue): string {
  const tree = treeOf(text)
  const { node, missing } = followPath(tree, entry.path)
  if (missing.length === 0) {
    if (entry.kind === 'constant') return text
    if (entry.kind === 'element') return insertFirst(text, node, undefined, value)
    throw new HostFileError(`has another entry at ${entry.path.join('.')}: rename or remove it`)
  }
  const [key, ...remainingKeys] = missing
  const inside = remainingKeys.reduceRight(
    (held: unknown, name) => ({ [name]: held }),
    entry.kind === 'element' ? [value] : value,
  )
  return insertFirst(text, node, key, inside)
}

/** Returns the offset of a comma between two offsets, outside of comments. */
function findComma(text: string, from: number, to: number): number | undefined {
  const scanner = jsonc.createScanner(text, false)
  scanner.setPosition(from)
  // Token 5 is a comma and token 17 the end of the text. The enums of the library are types only.
  for (let token: number = scanner.scan(); token !== 17; token = scanner.scan()) {
    if (scanner.getTokenOffset() >= to) return undefined
    if (token === 5) return scanner.getTokenOffset()
  }
  return undefined
}

/** Removes an entry from an object or a list, with its comma and its line. Comments stay. */
function removeNode(text: string, container: Node, node: Node): string {
  const end = container.offset + container.length - 1
  const children = container.children ?? []
  const index = children.indexOf(node)
  const [previous, next] = [children[index - 1], children[index + 1]]
  const thingEnd = node.offset + node.length
  const commaAfter = findComma(text, thingEnd, next?.offset ?? end)
  const from = node.offset - (/(\r?\n)?[ \t]*$/.exec(text.slice(0, node.offset))?.[0].length ?? 0)
  const head = text.slice(0, from)
  const tail =
    commaAfter === undefined ? text.slice(thingEnd) : `${text.slice(thingEnd, commaAfter)}${text.slice(commaAfter + 1)}`
  const commaBefore =
    commaAfter === undefined && previous ? findComma(text, previous.offset + previous.length, node.offset) : undefined
  return commaBefore === undefined
    ? `${head}${tail}`
    : `${head.slice(0, commaBefore)}${head.slice(commaBefore + 1)}${tail}`
}

const hasPath = (text: string | undefined, path: readonly string[]): boolean =>
  text !== undefined && followPath(treeOf(text), path).missing.length === 0

/**
 * Removes the entry at a path, and then the containers that become empty and are not in `before`.
 */
function removeAt(text: string, path: readonly string[], before: string | undefined): string {
  const key = path.at(-1)
  if (key === undefined) return text
  const parent = followPath(treeOf(text), path.slice(0, -1)).node
  const property = propertyOf(parent, key)
  return property ? removeEmptyContainers(removeNode(text, parent, property), path.slice(0, -1), before) : text
}

function removeEmptyContainers(text: string, path: readonly string[], before: string | undefined): string {
  const { node, missing } = followPath(treeOf(text), path)
  const hasContent = missing.length > 0 || (node.children ?? []).length > 0
  return hasContent || path.length === 0 || hasPath(before, path) ? text : removeAt(text, path, before)
}

function removeEntry(text: string, entry: ConfigEntry, before: string | undefined): string {
  const tree = treeOf(text)
  const node = entryNodeOf(tree, entry)
  if (!node) return text
  if (entry.kind === 'constant')
    return hasPath(before, entry.path) || hasPath(text, ['hooks']) ? text : removeAt(text, entry.path, before)
  if (entry.kind === 'property')
    return entry.isOurs(jsonc.getNodeValue(node)) ? removeAt(text, entry.path, before) : text
  return removeEmptyContainers(removeNode(text, followPath(tree, entry.path).node, node), entry.path, before)
}

const contentOrEmptyObject = (text: string): string => (text.trim() === '' ? '{}\n' : text)

/** Keeps the byte order mark that some editors write. */
function keepByteOrderMark(text: string, change: (rest: string) => string): string {
  const mark = text.startsWith(byteOrderMark) ? byteOrderMark : ''
  return `${mark}${change(contentOrEmptyObject(text.slice(mark.length)))}`
}

/** JSON, also with comments and trailing commas. */
export const jsoncFormat: ConfigFormat = {
  find(text, entries) {
    const tree = treeOf(contentOrEmptyObject(text.replace(byteOrderMark, '')))
    return entries.flatMap((entry) => {
      const node = entryNodeOf(tree, entry)
      const value: unknown = node && jsonc.getNodeValue(node)
      return node && (entry.kind === 'constant' || entry.isOurs(value)) ? [{ entry, value }] : []
    })
  },
  insert: (text, values) => keepByteOrderMark(text, (rest) => values.reduce(insertEntry, rest)),
  remove: (text, entries, before) =>
    keepByteOrderMark(text, (rest) => {
      const known = before === undefined ? undefined : contentOrEmptyObject(before.replace(byteOrderMark, ''))
      return [...entries].reverse().reduce((held, entry) => removeEntry(held, entry, known), rest)
    }),
}
