import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreRefusedError } from '../store-refused-error.ts'

/**
 * File systems that other machines also write to, by their number in statfs(2) on Linux. There,
 * SQLite's locks may not hold between machines, and its write-ahead log cannot work because its
 * index is shared memory: two servers would each own the file. A share behind FUSE or 9p is not
 * detected: statfs gives the number of FUSE or 9p, which local folders of virtual machines have
 * too.
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

/** Throws StoreRefusedError if the file is on a network disk. It writes nothing. */
export function refuseNetworkDisk(file: string): void {
  const folder = dirname(file)
  // A missing folder is reported when the file is opened.
  if (process.platform !== 'linux' || !existsSync(folder)) return
  const network = networkFileSystems.get(statfsSync(folder).type)
  if (network === undefined) return
  throw new StoreRefusedError(
    `${file} is on a network file system (${network}), where SQLite loses data: put it on a disk of this machine, or set DATABASE_URL to a PostgreSQL`,
  )
}
