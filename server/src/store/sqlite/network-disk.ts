import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreRefusedError } from '../store-refused-error.ts'

/**
 * What Linux calls file systems that other machines write to as well, by their numbers in statfs(2). On them SQLite's locks may not hold
 * between machines and its write-ahead log, whose index is shared memory, cannot: two servers would each own the file.
 * A share behind FUSE or 9p has the number of what stands between, which is what a local folder of a virtual machine has too: not told.
 */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
])

/** Throws StoreRefusedError for a file on a network's disk. Nothing has been written. */
export function refuseNetworkDisk(file: string): void {
  const folder = dirname(file)
  // What has no folder cannot be opened either, and is told so by who opens it.
  if (process.platform !== 'linux' || !existsSync(folder)) return
  const network = networkFileSystems.get(statfsSync(folder).type)
  if (network === undefined) return
  throw new StoreRefusedError(
    `${file} is on a network file system (${network}), where SQLite loses data: put it on a disk of this machine, or set DATABASE_URL to a PostgreSQL`,
  )
}
