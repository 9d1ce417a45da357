import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '@tony/mcp-server/platform/clock'
import { openSqlite } from '@tony/mcp-server/store/sqlite/sqlite'
import { type Scale, seed } from './seed.ts'

/**
 * A folder with a store of this size, in memory if there is such a file system: otherwise gigabytes
 * would be written to a disk for nothing.
 */
export class SeededFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'tony-scale-'))
  readonly file = join(this.path, 'test.db')

  static async of(scale: Scale, clock: Clock): Promise<SeededFolder> {
    const folder = new SeededFolder()
    const store = await openSqlite({ file: folder.file, durability: 'process', clock })
    await store[Symbol.asyncDispose]()
    seed(folder.file, scale, clock.wall())
    return folder
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
