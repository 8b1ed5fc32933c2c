import { type App, startApp } from '../app.ts'
import { type Config, isLoopback, parseListen, reviewConfig } from '../config.ts'
import { createLog, type Logger } from '../telemetry/log.ts'
import { VERSION } from './version.ts'

/** Serves until a signal. Resolves with the exit code. */
export async function serve(config: Config): Promise<number> {
  const warnings = reviewConfig(config)
  const terminal = process.stdout.isTTY === true
  const json = config.logFormat === 'json' || (config.logFormat === 'auto' && !terminal)
  const log = createLog({ level: config.logLevel, json, colour: terminal && !process.env.NO_COLOR })
  for (const warning of warnings) log.warn(warning)
  const app = await startApp(config, log)
  // Before anyone hears that it serves: they may end it at once.
  const stopped = untilStopped(app, log)
  log.info('listening', {
    address: app.address,
    version: VERSION,
    data: config.data,
    database: config.databaseUrl ? 'postgresql' : 'sqlite',
  })
  const { hostname } = parseListen(config.listen)
  const shown = isLoopback(hostname) ? app.address.replace(/^127\.0\.0\.1:/, 'localhost:') : app.address
  log.info(`push with: docker tag IMAGE ${shown}/NAME && docker push ${shown}/NAME`)
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
