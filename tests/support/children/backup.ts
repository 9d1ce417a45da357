import { systemClock } from '@tony/mcp-server/platform/clock'
import { writeBackup } from '@tony/mcp-server/store/backup/backup'

/** Writes backups of a file until it is killed, and prints a line after each. */
const [, , file = '', folder = ''] = process.argv
for (;;) {
  writeBackup({ file, folder, at: systemClock.wall() })
  process.stdout.write('written\n')
}
