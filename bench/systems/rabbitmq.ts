import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../demo/server-process.ts'
import { libraryPath, rootWith } from '../peers/packages.ts'
import { Daemon, type RunningSystem, temporaryFolder } from './daemon.ts'

const erlang = 'usr/lib/erlang'
const brokers = 'usr/lib/rabbitmq/lib'

const rootsOf = () => ({ erlang: rootWith(join(erlang, 'bin/erl')), broker: rootWith(brokers) })

export const hasRabbit = (): boolean => Object.values(rootsOf()).every((root) => root !== undefined)

/** Returns the one folder whose name begins with a word. */
const folderIn = (parent: string, begin: string): string =>
  join(parent, readdirSync(parent).find((name) => name.startsWith(begin)) ?? begin)

interface Places {
  readonly erlangHome: string
  readonly programs: string
  readonly broker: string
  readonly folder: string
}

/**
 * The environment of the broker. The scripts of the package are not used, because they know only
 * the system's folders.
 */
function environment({ erlangHome, programs, broker, folder }: Places, ports: readonly number[]) {
  const [port, nodePort, namesPort] = ports.map(String)
  return {
    HOME: folder,
    ROOTDIR: erlangHome,
    BINDIR: programs,
    EMU: 'beam',
    PROGNAME: 'erl',
    ERL_LIBS: join(broker, 'plugins'),
    ERL_EPMD_PORT: namesPort,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    SYS_PREFIX: folder,
    RABBITMQ_HOME: broker,
    RABBITMQ_BASE: folder,
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_NODENAME: 'bench@localhost',
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: port,
    RABBITMQ_DIST_PORT: nodePort,
    RABBITMQ_PLUGINS_DIR: join(broker, 'plugins'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
    RABBITMQ_CONFIG_FILE: join(folder, 'bench'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
  }
}

/** The arguments are those of the package's script, with its default for busy waits. */
const brokerArgs = [
  ...['-noinput', '-s', 'rabbit', 'boot', '-boot', 'start_sasl', '+W', 'w'],
  ...['+P', '1048576', '+t', '5000000', '+stbt', 'db', '+zdbbl', '128000'],
  ...['+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none'],
  ...['-syslog', 'logger', '[]', '-syslog', 'syslog_error_logger', 'false'],
  ...['-kernel', 'prevent_overlapping_partitions', 'false', 'inet_dist_use_interface', '{127,0,0,1}'],
]

/** Starts one node of RabbitMQ and the name server of Erlang, which it needs. */
export async function startRabbit(): Promise<RunningSystem> {
  const roots = rootsOf()
  const folder = temporaryFolder('rabbitmq')
  const erlangHome = join(roots.erlang ?? '', erlang)
  const places = {
    erlangHome,
    programs: join(folderIn(erlangHome, 'erts-'), 'bin'),
    broker: folderIn(join(roots.broker ?? '', brokers), 'rabbitmq_server-'),
    folder,
  }
  const ports = [await freePort(), await freePort(), await freePort()]
  const [port = 0, , namesPort = 0] = ports
  writeFileSync(join(folder, 'plugins'), '[].\n')
  writeFileSync(join(folder, 'bench.conf'), 'log.file.level = error\n')
  const env = { ...environment(places, ports), LD_LIBRARY_PATH: libraryPath(roots.erlang ?? '') }
  const names = new Daemon({
    program: join(places.programs, 'epmd'),
    args: ['-port', String(namesPort), '-address', '127.0.0.1'],
    env,
    folder: temporaryFolder('epmd'),
  })
  await names.accepts(namesPort)
  const broker = new Daemon({ program: join(places.programs, 'erlexec'), args: brokerArgs, env, folder })
  const end = async () => {
    await broker[Symbol.asyncDispose]()
    await names[Symbol.asyncDispose]()
  }
  try {
    await broker.accepts(port)
    while (!broker.lastOutput().includes('completed with')) await delay(50)
  } catch (error) {
    await end()
    throw error
  }
  return { url: `amqp://guest:guest@127.0.0.1:${port}`, pids: [broker.pid], [Symbol.asyncDispose]: end }
}
