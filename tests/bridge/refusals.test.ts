import { CoordinationError, errorCodes } from '@tony/mcp-shared/errors'
import { ToolError, toErrorText } from '@tony/mcp-tools/error-text'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { bridgedHost } from './hosts.ts'

test.each(errorCodes)('%s names the fault and the next step', (code) => {
  const text = toErrorText(new CoordinationError(code, 'this is why'))
  expect(text).toMatch(
    code === 'INTERNAL' ? /^INTERNAL: internal error in the server/ : new RegExp(`^${code}: this is why\\. `),
  )
  const [, next = ''] = text.split(/(?:why|cause)\. /)
  expect(next.length).toBeGreaterThan(8)
})

test('an error with an unknown code reveals nothing', () => {
  const text = toErrorText(Object.assign(new Error('/home/somebody: SELECT 1'), { code: 'SQLITE_ERROR' }))
  expect(text).toMatch(/^INTERNAL: internal error in the server: its log has the cause\. /)
  expect(toErrorText(new ToolError('NO_SUCH_CODE', 'x'))).toMatch(/^INTERNAL/)
})

test('a wrong input is a result that names the field and not an error of the protocol', async () => {
  await using server = await TestServer.start()
  await using host = await bridgedHost(server)
  expect(await host.call('complete', { result: 1 })).toMatchObject({
    ok: false,
    text: expect.stringContaining('taskId'),
  })
  const feed = await host.call('feed', { types: ['no.such.event'] })
  expect(feed).toMatchObject({ ok: false, text: expect.stringMatching(/^INVALID_INPUT: .*Correct the named fields/s) })
  const explain = await host.call('explain', { taskId: 'nothing' })
  expect(explain).toMatchObject({ ok: false, text: expect.stringMatching(/^NOT_FOUND: .*Check the id/s) })
})
