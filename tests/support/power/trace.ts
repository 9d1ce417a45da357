import { readFileSync } from 'node:fs'

/** The kinds of `recorder.c`, from 1. */
const kinds = [
  'open',
  'write',
  'truncate',
  'sync',
  'rename',
  'unlink',
  'link',
  'mkdir',
  'reply',
  'fail',
  'read',
] as const

/** One recorded operation. `end` is its place: the number of bytes of the trace up to its end. */
export interface Operation {
  readonly kind: (typeof kinds)[number]
  readonly end: number
  /** An open file; 0 for an operation on names. */
  readonly handle: number
  /** Offset of a write, new length of a truncation. */
  readonly offset: number
  /** The path of an open and of an operation on names. The failed call: write, sync or read. */
  readonly path: string
  /** The new path of a rename or a link. */
  readonly to: string
  readonly data: Buffer
  /** For an open: whether the file was new, and whether it was emptied. */
  readonly created: boolean
  readonly emptied: boolean
}

const headerBytes = 32
const calls: Readonly<Record<string, string>> = { w: 'write', s: 'sync', r: 'read' }

function operationAt(trace: Buffer, start: number): Operation {
  const kind = kinds[trace.readUInt16LE(start + 4) - 1]
  const flags = trace.readUInt16LE(start + 6)
  const split = start + headerBytes + trace.readUInt32LE(start + 12)
  const end = start + trace.readUInt32LE(start)
  if (!kind) throw new Error(`the trace has no operation at ${start}`)
  const path = trace.toString('utf8', start + headerBytes, split)
  const hasNewPath = kind === 'rename' || kind === 'link'
  return {
    kind,
    end,
    handle: trace.readUInt32LE(start + 8),
    offset: Number(trace.readBigInt64LE(start + 24)),
    path: kind === 'fail' ? (calls[path] ?? path) : path,
    to: hasNewPath ? trace.toString('utf8', split, end) : '',
    data: trace.subarray(split, end),
    created: (flags & 1) !== 0,
    emptied: (flags & 2) !== 0,
  }
}

/** Reads the operations of a trace in the order in which they took effect. */
export function readTrace(file: string): Operation[] {
  const trace = readFileSync(file)
  const operations: Operation[] = []
  for (let start = 0; start < trace.length; ) {
    const operation = operationAt(trace, start)
    operations.push(operation)
    start = operation.end
  }
  return operations
}
