import { type App, startApp } from '../app.ts'
import { type Config, hostOf, reviewConfig, unknownVariables } from '../config.ts'
import { createLog, type Logger } from '../telemetry/log.ts'
import { VERSION } from './version.ts'

/** Serves until a signal. Resolves with the exit code. */
export async function serve(config: Config): Promise<number> {
  const warnings = reviewConfig(config)
  const terminal = process.stdout.isTTY === true
  const json = config.logFormat === 'json' || (config.logFormat === 'auto' && !terminal)
  const log = createLog({ level: config.logLevel, json, colour: terminal && !process.env.NO_COLOR })
  for (const warning of warnings) log.warn(warning)
  for (const name of unknownVariables(process.env))
    log.warn(`there is no option ${name}; see berth serve --help`)
  const app = await startApp(config, log)
  // Before anyone hears that it serves: they may end it at once.
  const stopped = untilStopped(app, log)
  log.info('listening', {
    address: app.address,
    version: VERSION,
    data: config.data,
    database: config.databaseUrl ? 'postgresql' : 'sqlite',
  })
  if (!config.readOnly) {
    const host = hostOf(config, app.address)
    const first = config.auth === 'accounts' ? `docker login ${host} && ` : ''
    const name = config.auth === 'accounts' ? 'YOU/NAME' : 'NAME'
    log.info(`push with: ${first}docker tag IMAGE ${host}/${name} && docker push ${host}/${name}`)
  }
  if (app.administratorLink !== undefined) {
    log.warn(`there is no administrator yet; whoever opens this link becomes one: ${app.administratorLink}`)
  }
  log.flush()

  await stopped
  log.info('stopped')
  log.flush()
  return 0
}

/** Resolves when a signal has stopped the app: the first one drains, a second one cuts. */
function untilStopped(app: App, log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let signalled = false
    const stop = (signal: string) => {
      log.info(signalled ? 'stopping now' : 'stopping once requests under way are done', { signal })
      signalled = true
      log.flush()
      app.stop().then(resolve, (error: Error) => {
        log.error('did not stop cleanly', { error: error.stack ?? error.message })
        resolve()
      })
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}
