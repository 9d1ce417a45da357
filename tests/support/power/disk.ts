import { createHash, type Hash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Operation } from './trace.ts'

type Roll = (sides: number) => number

/** A change of a file since its last sync: bytes at an offset, or a new length. */
type Change = { readonly at: number; readonly data: Buffer } | { readonly length: number }

/** A change of the names in a folder: a rename has both. */
interface NameChange {
  readonly removed?: string
  readonly added?: readonly [string, Inode]
}

/** Sectors that a disk writes whole: a torn write has some of them. */
const sectors = [512, 4_096]

class FileContent {
  #bytes = Buffer.alloc(0)
  #length = 0

  static from(content: FileContent): FileContent {
    const copy = new FileContent()
    copy.#bytes = Buffer.from(content.bytes)
    copy.#length = content.#length
    return copy
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  apply(change: Change): void {
    if ('length' in change) return this.#resize(change.length)
    const end = change.at + change.data.length
    if (end > this.#length) this.#resize(end)
    change.data.copy(this.#bytes, change.at)
  }

  #resize(length: number): void {
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(length, this.#bytes.length * 2))
      this.bytes.copy(larger)
      this.#bytes = larger
    }
    if (length < this.#length) this.#bytes.fill(0, length, this.#length)
    this.#length = length
  }
}

/** A file or a folder: its durable content, and the changes that may be lost. */
class Inode {
  readonly content = new FileContent()
  readonly changes: Change[] = []
  readonly names = new Map<string, Inode>()
  readonly nameChanges: NameChange[] = []
  /** The names as the running process sees them. */
  readonly seen = new Map<string, Inode>()
  readonly isFolder: boolean

  constructor(isFolder: boolean) {
    this.isFolder = isFolder
  }

  sync(): void {
    for (const change of this.changes.splice(0)) this.content.apply(change)
    for (const change of this.nameChanges.splice(0)) rename(this.names, change)
  }

  change(change: NameChange): void {
    rename(this.seen, change)
    this.nameChanges.push(change)
  }
}

function rename(names: Map<string, Inode>, { removed, added }: NameChange): void {
  // A rename whose source never reached the disk has no effect.
  if (removed !== undefined && !names.delete(removed) && added) return
  if (added) names.set(...added)
}

/** Which of the changes since the last sync reached the disk. */
function survivors<T>(changes: readonly T[], roll: Roll): { all: readonly T[]; torn: (change: T) => boolean } {
  const never = () => false
  switch (roll(5)) {
    case 0:
      return { all: [], torn: never }
    case 1:
      return { all: changes, torn: never }
    case 2: {
      const count = roll(changes.length + 1)
      return { all: changes.slice(0, count), torn: (change) => change === changes[count - 1] }
    }
    case 3:
      return { all: changes.filter(() => roll(2) === 0), torn: never }
    default:
      return { all: changes.filter(() => roll(4) > 0), torn: () => roll(2) === 0 }
  }
}

/** The sectors of a write, each of which reached the disk or did not. */
function tear(change: Change, roll: Roll): Change[] {
  if ('length' in change) return [change]
  const bytes = sectors[roll(sectors.length)] ?? 512
  const parts: Change[] = []
  let start = 0
  while (start < change.data.length) {
    const end = Math.min(change.data.length, start + bytes - ((change.at + start) % bytes))
    if (roll(2) === 0) parts.push({ at: change.at + start, data: change.data.subarray(start, end) })
    start = end
  }
  return parts
}

/**
 * The disk below one folder during a recorded run. A sync makes all earlier writes of its file
 * durable, and the sync of a folder its names. Until then each write and each name may have reached
 * the disk or not, in any order, and a write may be torn. A sync that failed loses the writes.
 */
export class Disk {
  readonly #root = new Inode(true)
  readonly #rootPath: string
  readonly #opened = new Map<number, { readonly inode: Inode; readonly path: string }>()

  constructor(rootPath: string) {
    this.#rootPath = rootPath
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'open':
        return this.#open(operation)
      case 'write':
        return void this.#inodeOf(operation).changes.push({ at: operation.offset, data: operation.data })
      case 'truncate':
        return void this.#inodeOf(operation).changes.push({ length: operation.offset })
      case 'sync':
        return this.#inodeOf(operation).sync()
      case 'fail':
        // The system marks the pages clean after a failed sync: a later one does not write them.
        if (operation.path === 'sync') this.#inodeOf(operation).changes.splice(0)
        return undefined
      case 'rename':
      case 'link':
      case 'unlink':
      case 'mkdir':
        return this.#changeNames(operation)
      case 'reply':
      case 'read':
        return undefined
    }
  }

  /** The path of an open file, relative to the folder. */
  pathOf({ handle }: Operation): string {
    return this.#opened.get(handle)?.path ?? ''
  }

  /** True if a file or a folder has changes that a power cut may lose. */
  get hasUnsynced(): boolean {
    const hasAny = (inode: Inode): boolean =>
      inode.changes.length + inode.nameChanges.length > 0 || [...inode.seen.values()].some(hasAny)
    return hasAny(this.#root)
  }

  /** True if a power cut leaves these files, and nothing that was written to them is missing. */
  isDurable(path: string): boolean {
    let inode: Inode | undefined = this.#root
    for (const name of path.split('/')) inode = inode?.names.get(name)
    return inode !== undefined && inode.changes.length === 0
  }

  /** Writes the files as a power cut may leave them. Returns a hash of them. */
  writeImage(to: string, roll: Roll): string {
    const hash = createHash('sha1')
    writeFolder(this.#root, to, roll, hash)
    return hash.digest('hex')
  }

  #open({ handle, path, created, emptied }: Operation): void {
    const inode = path === this.#rootPath ? this.#root : this.#findOrCreate(path, created)
    this.#opened.set(handle, { inode, path: path.slice(this.#rootPath.length + 1) })
    if (emptied && !created) inode.changes.push({ length: 0 })
  }

  #findOrCreate(path: string, created: boolean): Inode {
    const folder = this.#folderOf(path)
    const known = folder.seen.get(basename(path))
    if (known && !created) return known
    const inode = new Inode(false)
    folder.change({ added: [basename(path), inode] })
    return inode
  }

  #changeNames({ kind, path, to }: Operation): void {
    const folder = this.#folderOf(path)
    const name = basename(path)
    if (kind === 'mkdir') return folder.change({ added: [name, new Inode(true)] })
    if (kind === 'unlink') return folder.change({ removed: name })
    const inode = folder.seen.get(name)
    if (!inode) throw new Error(`the trace has no file ${path}`)
    const added = [basename(to), inode] as const
    const target = this.#folderOf(to)
    if (kind === 'link') return target.change({ added })
    if (target === folder) return folder.change({ removed: name, added })
    target.change({ added })
    folder.change({ removed: name })
  }

  #folderOf(path: string): Inode {
    const names = dirname(path).slice(this.#rootPath.length).split('/').filter(Boolean)
    let inode = this.#root
    for (const name of names) {
      const next = inode.seen.get(name)
      if (!next) throw new Error(`the trace has no folder ${dirname(path)}`)
      inode = next
    }
    return inode
  }

  #inodeOf({ handle }: Operation): Inode {
    const opened = this.#opened.get(handle)
    if (!opened) throw new Error(`the trace has no open file ${handle}`)
    return opened.inode
  }
}

function writeFolder(folder: Inode, to: string, roll: Roll, hash: Hash): void {
  mkdirSync(to, { recursive: true })
  const names = new Map(folder.names)
  for (const change of survivors(folder.nameChanges, roll).all) rename(names, change)
  for (const [name, inode] of names) {
    const path = join(to, name)
    hash.update(`${name}\n`)
    if (inode.isFolder) {
      writeFolder(inode, path, roll, hash)
      continue
    }
    const bytes = imageOf(inode, roll)
    hash.update(bytes)
    writeFileSync(path, bytes)
  }
}

function imageOf(file: Inode, roll: Roll): Buffer {
  if (file.changes.length === 0) return file.content.bytes
  const content = FileContent.from(file.content)
  const { all, torn } = survivors(file.changes, roll)
  for (const change of all) for (const part of torn(change) ? tear(change, roll) : [change]) content.apply(part)
  return content.bytes
}
