import Database from 'better-sqlite3'
import { numberFor } from '../ids.ts'

/** The numbers of rows, and the share of tasks that can be claimed. */
export interface Scale {
  readonly tasks: number
  readonly messages: number
  readonly events: number
  /**
   * Share of the pending tasks that the caller may not claim, because of their time, their
   * requirements or their assignee.
   */
  readonly ineligible: number
}

const agents = 100

/**
 * Returns `01890000-0000-7000-8000-…` with a number at its end: an id that shows its number and
 * sorts by it.
 */
export const seededId = (kind: 'task' | 'agent' | 'message', index: number): string =>
  `0189000${'tam'.indexOf(kind[0] ?? '')}-0000-7000-8000-${index.toString(16).padStart(12, '0')}`

const numbers = (count: number) =>
  `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${count})`

const idOf = (kind: 'task' | 'agent' | 'message', n: string) =>
  `printf('0189000${'tam'.indexOf(kind[0] ?? '')}-0000-7000-8000-%012x', ${n})`

/**
 * Fills the file of a store without the server, with the clock at `now`. The triggers update the
 * counters.
 */
export function seed(file: string, { tasks, messages, events, ineligible }: Scale, now: number): void {
  const database = new Database(file)
  try {
    database.pragma('synchronous = OFF')
    database.pragma('cache_size = -200000')
    const project = database.prepare<[], string>("select id from projects where name = 'default'").pluck().get()
    if (project === undefined) throw new Error('the store has no default project')
    database.transaction(() => {
      seedAgents(database, project, now)
      seedTasks(database, project, now, tasks, ineligible)
      seedMessages(database, project, now, messages)
      seedEvents(database, project, now, events)
    })()
    database.pragma('wal_checkpoint(TRUNCATE)')
  } finally {
    database.close()
  }
}

function seedAgents(database: Database.Database, project: string, now: number): void {
  database.exec(`${numbers(agents)}
    insert into agents (id, project_id, name, type, role, capabilities, registered_at, last_activity, metadata)
    select ${idOf('agent', 'n')}, '${project}', 'seeded ' || n, 'implementation', 'developer', '["code"]', ${now}, ${now}, '{}'
    from numbers`)
  const route = database.prepare('insert into routes (project_id, requires, assigned_to) values (?, ?, ?)')
  route.run(project, '[]', '')
  route.run(project, '["nobody has this"]', '')
  route.run(project, '[]', seededId('agent', 1))
}

/**
 * Half of the tasks are pending, the others have every other status. The eligible share of the
 * pending tasks is in the open claim group, last in the order of creation. The others require a
 * capability that no agent has, belong to another agent, or wait for their time or for a lock.
 */
function seedTasks(database: Database.Database, project: string, now: number, count: number, ineligible: number): void {
  if (count === 0) return
  const routes = database.prepare<[], number>('select id from routes order by id').pluck().all()
  const [open, hard, assigned] = routes
  const kinds = [`(${hard}, null, null, null)`, `(${assigned}, null, null, '${seededId('agent', 1)}')`]
  const waits = [`(${open}, null, ${now + 86_400_000}, null)`, `(${open}, 'port:1', null, null)`]
  const values = [...kinds, ...waits].map((kind, index) => `(${index}, ${kind.slice(1)}`).join(', ')
  database.exec(`create temp table waits (kind, route, parked, later, assignee); insert into waits values ${values}`)
  database.exec(`${numbers(count)},
    rows(n, status, free) as (
      select n,
        case when n % 2 = 0 then 'pending' when n % 16 = 1 then 'blocked' when n % 16 = 3 then 'in_progress'
          when n % 16 = 5 then 'failed' when n % 16 = 7 then 'cancelled' when n % 16 = 9 then 'in_review'
          when n % 16 = 11 then 'input_required' else 'completed' end,
        n > ${count} * ${ineligible}
      from numbers)
    insert into tasks (id, project_id, agent_id, type, epic, story, title, requires, assigned_to, priority, rank, status,
      route_id, ready, ready_at, parked_on, not_before, attempt, max_attempts, lease_token, lease_ms, lease_expires_at,
      incarnation, open_deps, timeout_at, metadata, created_at, completed_at)
    select ${idOf('task', 'n')}, ${numberFor(`'${project}'`)},
      case when status in ('pending', 'blocked') then null else ${numberFor(idOf('agent', `1 + n % ${agents}`))} end,
      'type ' || (n % 50), 'epic ' || (n % 1000), 'story ' || (n % 5000), 'Task ' || n,
      case when status = 'pending' and not free and route = ${hard} then '["nobody has this"]' else '[]' end,
      case when status = 'pending' and not free then assignee end,
      n % 4, case when n % 4 = 0 then 0 else 1 + n % 4 end, status,
      case when status <> 'pending' or free then ${open} else route end,
      case when status = 'pending' and (free or (parked is null and later is null)) then case when free then ${open} else route end end,
      ${now}, case when status = 'pending' and not free then parked end,
      case when status = 'pending' and not free then later end,
      case when status in ('pending', 'blocked') then 0 else 1 end, 3,
      case when status = 'in_progress' then 'token' end, 30000,
      case when status = 'in_progress' then ${now} + 86400000 end, 1,
      case when status = 'blocked' then 1 else 0 end,
      case when status = 'in_progress' then ${now} + 7200000 end, '{}', ${now},
      case when status in ('completed', 'failed', 'cancelled') then ${now} end
    from rows join waits on kind = (n / 2) % 4`)
  // A parked task waits for a held lock. Without the lock a sweep would unpark it.
  database.exec(`insert into locks (project_id, lock, task_id, exclusive, since)
    select '${project}', 'port:1', id, 1, ${now} from tasks where status = 'in_progress' limit 1;
    update tasks set held_locks = 1 where id = (select task_id from locks);
    drop table waits`)
}

function seedMessages(database: Database.Database, project: string, now: number, count: number): void {
  if (count === 0) return
  database.exec(`${numbers(count)}
    insert into messages (id, project_id, from_agent, to_agent, type, payload, priority, status, ready, thread_id, task_id,
      created_at, delivered_at, retry_count, max_deliver, receipt, ack_by, ended_at)
    select ${idOf('message', 'n')}, ${numberFor(`'${project}'`)}, ${numberFor(idOf('agent', `1 + n % ${agents}`))},
      ${numberFor(idOf('agent', `1 + (n / 7) % ${agents}`))},
      'note', '{"n":' || n || '}', n % 4,
      case n % 10 when 0 then 'pending' when 1 then 'delivered' when 2 then 'dead' when 3 then 'expired' else 'acked' end,
      case when n % 10 = 0 then 1 end, 'thread ' || (n % 20000), null, ${now},
      case when n % 10 in (0, 3) then null else ${now} end, case when n % 10 in (0, 3) then 0 else 1 end, 5,
      case when n % 10 in (0, 3) then null else 'receipt' end,
      case when n % 10 = 1 then ${now} + 86400000 end, case when n % 10 > 1 then ${now} end
    from numbers`)
}

function seedEvents(database: Database.Database, project: string, now: number, count: number): void {
  if (count === 0) return
  database.exec(`${numbers(count)}
    insert into event_pages (project_id, last, first, at, form, lines)
    select '${project}', max(n), min(n), ${now}, 1, group_concat(line, char(10) order by n) from (
      select n, '[3,"' || ${idOf('task', 'n')} || '",0,0,0,{"status":"pending"},1,0,0,"epic ' || (n % 1000) || '"]' as line
      from numbers
    ) group by (n - 1) / 256;
    update projects set seq = ${count} where id = '${project}'`)
}
