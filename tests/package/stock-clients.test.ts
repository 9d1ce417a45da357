import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { root } from './packed.ts'

/** The exit code of the script without a registry. */
const withoutRegistry = 75

test('two validators accept the description, and generated clients and the client of A2A play the main path', async ({
  skip,
}) => {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
  const run = promisify(execFile)(join(root, 'scripts/stock-clients'), { env })
  const { stdout } = await run.catch((error: { readonly code?: number; readonly stdout: string }) => {
    skip(error.code === withoutRegistry, 'the npm registry cannot be reached')
    throw error
  })
  const lines = stdout.trim().split('\n')
  expect(lines.filter((line) => !line.startsWith('python:'))).toEqual([
    'openapi-schema-validator: valid',
    'hyperjump: valid',
    'openapi-typescript: completed completed null',
    'hey-api: completed null',
    'a2a: 1 1 3 5 JsonRpcTaskNotCancelableError',
  ])
}, 300_000)
