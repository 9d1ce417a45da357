import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const mebibyte = 1_048_576

/** A small file system in memory, for a user who may mount one. */
export class SmallDisk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'tony-disk-'))

  constructor(mebibytes: number) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', this.path], { stdio: 'pipe' })
  }

  /** Fills the free space. */
  fill(): void {
    for (const size of [mebibyte, 65_536, 4_096]) {
      for (let index = 0; this.#take(`${size}-${index}`, size); index += 1);
    }
  }

  #take(name: string, bytes: number): boolean {
    try {
      writeFileSync(join(this.path, `filler-${name}`), Buffer.alloc(bytes))
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
      throw error
    }
  }

  free(): void {
    execFileSync('sh', ['-c', `rm -f ${this.path}/filler-*`])
  }

  [Symbol.dispose](): void {
    execFileSync('umount', ['--lazy', this.path], { stdio: 'pipe' })
    rmSync(this.path, { recursive: true })
  }
}

export function mayMount(): boolean {
  try {
    new SmallDisk(1)[Symbol.dispose]()
    return true
  } catch (error) {
    process.stdout.write(`full-disk: no disk of its own: ${String(error)}\n`)
    return false
  }
}
