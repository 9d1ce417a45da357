import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../node_modules/.chromium/', import.meta.url))

/** The program of `scripts/install-chromium`. The one in `usr/bin` works only below `/`. */
const installed = `${folder}usr/lib/chromium/chromium-headless-shell`

/** A Chromium of this machine, with the environment that it needs. */
export interface Chromium {
  readonly program: string
  readonly env: Readonly<Record<string, string>>
}

/** Folders of the unpacked libraries. That of PulseAudio has a part of its library. */
const libraryFolders = ['usr/lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu/pulseaudio', 'lib/x86_64-linux-gnu']

const unpackedEnvironment = {
  LD_LIBRARY_PATH: libraryFolders.map((name) => folder + name).join(':'),
  FONTCONFIG_FILE: `${folder}fonts/fonts.conf`,
}

/** Returns the Chromium of `TONY_CHROMIUM` or of `scripts/install-chromium`, if there is one. */
export function findChromium(): Chromium | undefined {
  const given = process.env['TONY_CHROMIUM']
  if (given !== undefined) return { program: given, env: {} }
  return existsSync(installed) ? { program: installed, env: unpackedEnvironment } : undefined
}

/** The Chromium of the tests. Without one they are skipped, and this names the reason once. */
export const chromium = findChromium()
if (!chromium)
  process.stdout.write('SKIPPED: no Chromium for the tests of the dashboard: run scripts/install-chromium\n')
