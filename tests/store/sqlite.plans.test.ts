import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allReferencesOf, comparisonsIn } from '../support/ids.ts'
import { TestServer } from '../support/server.ts'
import { type Executed, planOf, StatementLog } from '../support/statements.ts'
import { workADay } from './day.ts'

let statements: Executed[]
let database: Database.Database
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start({ config: { devRole: 'admin' } })
  using log = new StatementLog()
  await workADay(server)
  statements = log.executed.filter(({ sql }) => /^(select|update|insert|delete|with)/i.test(sql))
  database = new Database(server.database, { readonly: true })
})
afterAll(async () => {
  database.close()
  await server[Symbol.asyncDispose]()
})

/** Returns the plans of the statement that contains all of these parts. */
function find(...parts: readonly (string | RegExp)[]): string[] {
  const found = statements.filter(({ sql }) =>
    parts.every((part) => (typeof part === 'string' ? sql.includes(part) : part.test(sql))),
  )
  expect(found.map(({ sql }) => sql)).toHaveLength(1)
  return found.flatMap((statement) => planOf(database, statement))
}

describe('a frequent query reads only the rows it needs:', () => {
  test('the queue head of a claim group', () => {
    expect(find(/^select "ord", "rank", "id", "attempt", "epic", "locks" from "tasks"/)).toEqual([
      'SEARCH tasks USING INDEX tasks_ready (project_id=? AND ready=?)',
    ])
  })

  test('the agent of a claim', () => {
    expect(find(/^select .* from "agents" inner join "projects"/, 'paused_epics')).toEqual([
      'SEARCH agents USING INDEX sqlite_autoindex_agents_1 (id=?)',
      'SEARCH projects USING INDEX sqlite_autoindex_projects_1 (id=?)',
      'CORRELATED SCALAR SUBQUERY 1',
      'SEARCH paused_epics USING COVERING INDEX sqlite_autoindex_paused_epics_1 (project_id=?)',
    ])
  })

  test('a held lock, the locks below a path, and the slots of a pool', () => {
    const holder = 'SEARCH tasks USING INDEX tasks_id_unique (id=?)'
    expect(find(/from "locks" inner join "tasks"/, '"lock" = ?')).toEqual([
      expect.stringMatching(/^SEARCH locks USING (COVERING )?INDEX .* \(project_id=\? AND lock=\?\)$/),
      holder,
    ])
    expect(find(/from "locks" inner join "tasks"/, '"lock" > ?')).toEqual([
      expect.stringMatching(/^SEARCH locks USING (COVERING )?INDEX .* \(project_id=\? AND lock>\? AND lock<\?\)$/),
      holder,
    ])
    expect(find(/^select count\(\*\) from "locks"/)).toEqual([
      expect.stringMatching(/^SEARCH locks USING COVERING INDEX .* \(project_id=\? AND lock=\?\)$/),
    ])
  })

  test('the tasks that wait for a lock, in order, and the other blockers', () => {
    const parked = statements.filter(({ sql }) => /^select "ord" from "tasks" .*"parked_on" = \?/.test(sql))
    expect(parked.map((statement) => planOf(database, statement)).toSorted()).toEqual([
      ['SEARCH tasks USING COVERING INDEX tasks_parked (project_id=? AND parked_on=? AND rank=?)'],
      ['SEARCH tasks USING COVERING INDEX tasks_parked (project_id=? AND parked_on=?)'],
    ])
    expect(find(/^select "parked_on" from "tasks"/)).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_parked (project_id=? AND parked_on>?)',
    ])
  })

  test('the starving tasks, by claim group', () => {
    expect(find(/^select "ready" from "tasks"/)).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_starving (project_id=? AND ready>?)',
    ])
    expect(find(/^select "ord", "id", "epic", "locks" from "tasks"/, '"ready_at" <= ?')).toEqual([
      'SEARCH tasks USING INDEX tasks_starving (project_id=? AND ready=? AND ready_at<?)',
    ])
    expect(find(/^select "ord", "id", "epic", "locks" from "tasks"/, '"rank" = 1')).toEqual([
      'SEARCH tasks USING INDEX tasks_ready (project_id=? AND ready=? AND rank=?)',
    ])
  })

  test('the open dependencies of an explained task, and the pools of a project', () => {
    expect(find(/from "task_dependencies" inner join "tasks"/, '"title"')).toEqual([
      'SEARCH task_dependencies USING COVERING INDEX sqlite_autoindex_task_dependencies_1 (task_id=?)',
      'SEARCH tasks USING INDEX tasks_id_unique (id=?)',
    ])
    expect(find(/from "pools" left join "locks"/)).toEqual([
      'SEARCH pools USING INDEX sqlite_autoindex_pools_1 (project_id=?)',
      expect.stringMatching(/^SEARCH locks USING COVERING INDEX .* \(project_id=\? AND lock=\?\) LEFT-JOIN$/),
    ])
  })

  test('the left-out edges that an end frees, from the few of the project, up to a limit', () => {
    const plan = find('"depends_on_id" in (with recursive', ' limit 2000) as followed')
    expect(plan.filter((line) => /MATERIALIZE reached|tasks_created|task_dependents/.test(line))).toEqual([])
  })

  test('the first messages of an inbox', () => {
    expect(find(/^select "ord", "priority", coalesce\(octet_length.* from "messages"/)).toEqual([
      'SEARCH messages USING INDEX messages_ready (to_agent=? AND ready=?)',
      'CORRELATED SCALAR SUBQUERY 1',
      'SEARCH bodies USING INDEX sqlite_autoindex_bodies_1 (id=?)',
    ])
  })

  test('the unsettled deliveries of an agent', () => {
    expect(find(/^select count\(\*\) from "messages"/)).toEqual([
      'SEARCH messages USING COVERING INDEX messages_in_flight (to_agent=?)',
    ])
  })

  test('expired leases', () => {
    expect(find(/^select "ord" from "tasks"/, '"lease_expires_at" <= ?')).toEqual([
      'SEARCH tasks USING COVERING INDEX tasks_leases (project_id=? AND lease_expires_at<?)',
    ])
  })

  test('due tasks and messages', () => {
    expect(find(/^select "ord" from "tasks"/, '"not_before" <= ?')).toEqual([
      'SEARCH tasks USING INDEX tasks_due (project_id=? AND not_before<?)',
    ])
    expect(find(/^select "ord" from "messages"/, '"not_before" <= ?')).toEqual([
      'SEARCH messages USING INDEX messages_due (project_id=? AND not_before<?)',
    ])
  })

  test('deliveries past their ack deadline', () => {
    const plans = statements
      .filter(({ sql }) => /^select "ord" from "messages"/.test(sql) && sql.includes('"ack_by" <= ?'))
      .map((statement) => planOf(database, statement))
    expect(plans).toHaveLength(2)
    for (const plan of plans) {
      expect(plan).toEqual(['SEARCH messages USING COVERING INDEX messages_unacked (project_id=? AND ack_by<?)'])
    }
  })

  test('requests past their deadline', () => {
    expect(find(/^select "id" from "requests"/, '"deadline_at" <= ?')).toEqual([
      'SEARCH requests USING INDEX requests_waiting (project_id=? AND deadline_at<?)',
    ])
  })

  test('the latest health sample of an agent, and those of a time', () => {
    const reports = statements.filter(({ sql }) => /^select .* from "health_metrics" where/.test(sql))
    expect(reports.length).toBeGreaterThanOrEqual(2)
    for (const report of reports) {
      const visits = planOf(database, report).filter((line) => line.includes('health_metrics'))
      expect(visits, report.sql).toEqual([
        expect.stringMatching(/^SEARCH .* USING (COVERING )?INDEX health_metrics_agent /),
      ])
    }
  })

  test('the load of an agent', () => {
    const plan = find('from "requests"', 'from "tasks"', /^select/)
    expect(plan).toContainEqual(expect.stringMatching(/^SEARCH requests USING COVERING INDEX requests_of /))
    expect(plan).toContainEqual(expect.stringMatching(/^SEARCH tasks USING COVERING INDEX tasks_held /))
  })

  test('a page of the feed', () => {
    for (const columns of ['octet_length', '"form", "lines"'])
      expect(find(/^select .* from "event_pages"/, '"last" > ?', columns)).toEqual([
        'SEARCH event_pages USING INDEX sqlite_autoindex_event_pages_1 (project_id=? AND last>?)',
      ])
    // Events from before there were pages.
    expect(find(/^select .* from "events"/, '"seq" > ?', 'octet_length')).toEqual([
      'SEARCH events USING INDEX sqlite_autoindex_events_1 (project_id=? AND seq>? AND seq<?)',
    ])
  })

  test('a page of the denials', () => {
    // Rows without a project belong to the admin too. The query has two searches, and its few rows
    // are sorted.
    expect(find(/^select .* from "denials" where/)).not.toContainEqual(expect.stringMatching(/^SCAN/))
  })

  test('the reply under an idempotency key, and the keys to delete', () => {
    expect(find(/^select "identity", .* from "idempotency_keys"/)).toEqual([
      'SEARCH idempotency_keys USING INDEX sqlite_autoindex_idempotency_keys_1 (second=? AND hash=?)',
    ])
    expect(find(/^select "at" from "idempotency_keys"/)).toEqual([
      'SEARCH idempotency_keys USING COVERING INDEX idempotency_keys_age (project=? AND at<?)',
    ])
  })

  test('the revocations, and the sessions of a key', () => {
    expect(find(/^select .* from "sessions" where .*"revoked_at" > \?/)).toEqual([
      'SEARCH sessions USING INDEX sessions_revoked (revoked_at>?)',
    ])
    expect(find(/^update "sessions" set "revoked_at" = \? where .*"credential_id" = \?/)).toEqual([
      'SEARCH sessions USING INDEX sessions_credential (credential_id=?)',
    ])
  })

  test('a page of a list, by any filter and without one', () => {
    const lists = statements.filter(({ sql }) =>
      /^select "ord", .* from "tasks" where .* order by "tasks"."ord" limit/.test(sql),
    )
    // Each list measures its rows and then reads the rows of one page.
    expect(lists.length).toBeGreaterThanOrEqual(14)
    for (const list of lists) {
      const [first, ...others] = planOf(database, list).filter((step) => !step.startsWith('CORRELATED'))
      expect(first, list.sql).toMatch(/^SEARCH tasks USING INDEX tasks_(created|status|epic|story|parent|held) /)
      for (const step of others) expect(step, list.sql).toMatch(/^SEARCH (artifacts|orphan_results) USING INDEX /)
    }
  })
})

describe('a page of messages reads by an index, in its order', () => {
  const pages = (ending: string) =>
    statements.filter(({ sql }) => /^select .* from "messages" where/.test(sql) && sql.includes(ending))

  test('for any filter of a list or of the dead letters', () => {
    for (const [ending, least] of [
      ['order by "messages"."ord" desc', 20],
      ['order by "messages"."ord" asc', 10],
    ] as const) {
      const found = pages(ending)
      expect(found.length).toBeGreaterThanOrEqual(least)
      for (const page of found) {
        const plan = planOf(database, page)
        expect(plan, page.sql).toHaveLength(1)
        expect(plan[0], page.sql).toMatch(
          /^SEARCH messages USING (COVERING )?INDEX messages_(in|out|sent|task|thread|dead) \(/,
        )
      }
    }
  })

  test('for expired messages', () => {
    expect(find(/^select "ord" from "messages"/, '"expires_at" <= ?')).toEqual([
      'SEARCH messages USING COVERING INDEX messages_expiring (project_id=? AND expires_at<?)',
    ])
  })
})

test('no statement of the server reads all tasks, messages or events', () => {
  // The plan of an insert names the tables that refer to its table, and reads them only if a
  // reference is broken already.
  const reading = statements.filter(({ sql }) => !sql.startsWith('insert'))
  expect(reading.length).toBeGreaterThan(50)
  const scans = reading.flatMap((statement) =>
    planOf(database, statement)
      .filter((line) => /^SCAN (tasks|messages|events|requests|health_metrics|mailboxes)\b/.test(line))
      .map((line) => `${line}: ${statement.sql}`),
  )
  expect(scans).toEqual([])
})

test('no statement sorts tasks, messages or events', () => {
  const sorts = statements.filter((statement) =>
    planOf(database, statement).some((line) => line.includes('TEMP B-TREE')),
  )
  expect(
    sorts
      .map(({ sql }) => sql)
      .filter((sql) => /(from|update) "(tasks|messages|events|event_pages|plan_rows)"/.test(sql)),
  ).toEqual([])
})

test('no statement compares the number of a project or an agent with an id', () => {
  const references = allReferencesOf(database)
  const comparisons = statements.flatMap(comparisonsIn).filter((pair) => pair.some((side) => references.has(side)))
  expect(new Set(comparisons.map(([column]) => column)).size).toBeGreaterThan(5)
  const isNumber = (side: string) => references.has(side) || side === 'number' || side === 'null'
  expect(comparisons.filter((pair) => !pair.every(isNumber))).toEqual([])
})

test('retention deletes without reading a whole table', () => {
  const removals = statements.filter(({ sql }) => /^delete from/.test(sql))
  const tables = removals.map(({ sql }) => /^delete from "(\w+)"/.exec(sql)?.[1])
  const classes = [
    'events',
    'event_pages',
    'tasks',
    'messages',
    'health_metrics',
    'agents',
    'plans',
    'requests',
    'bodies',
    'sessions',
    'denials',
  ]
  expect(tables).toEqual(expect.arrayContaining(classes))
  const scans = removals.flatMap((statement) =>
    planOf(database, statement)
      // A list that is a parameter has no index.
      .filter((line) => line.startsWith('SCAN') && !line.startsWith('SCAN json_each'))
      .map((line) => `${line}: ${statement.sql}`),
  )
  expect(scans).toEqual([])
})
