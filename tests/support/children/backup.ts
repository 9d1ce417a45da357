import { systemClock } from '@tony/mcp-server/platform/clock'
import { writeBackup } from '@tony/mcp-server/store/backup/backup'

/** Writes backups of the file it is given until it is killed, and says so after each. */
const [, , file = '', folder = ''] = process.argv
for (;;) {
  writeBackup({ file, folder, at: systemClock.wall() })
  process.stdout.write('written\n')
}
