import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../test/testbed/port.ts'
import { programPath } from '../../test/testbed/programs.ts'
import { fileSeeder } from '../seed/files.ts'
import type { PeerKind } from './peer.ts'
import { startServerProcess } from './process.ts'

/** nginx with the same bytes as plain files: what reading costs when there is no registry. */
export const nginx: PeerKind = {
  name: 'nginx',
  title: 'nginx (files)',
  async start(store) {
    const root = join(store, 'data')
    await mkdir(join(root, 'v2'), { recursive: true })
    await writeFile(join(root, 'v2/index.html'), '{}')
    const port = await freePort()
    const config = join(store, 'nginx.conf')
    await writeFile(
      config,
      `daemon off; worker_processes 1; pid ${join(store, 'pid')}; error_log stderr;
       events { worker_connections 512; }
       http {
         access_log ${join(store, 'access.log')} combined buffer=64k flush=1s;
         sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=1000;
         client_body_temp_path ${store}/body; proxy_temp_path ${store}/proxy; fastcgi_temp_path ${store}/fastcgi;
         uwsgi_temp_path ${store}/uwsgi; scgi_temp_path ${store}/scgi;
         server { listen 127.0.0.1:${port}; root ${root}; }
       }
       ${process.getuid?.() === 0 ? 'user root;' : ''}`,
    )
    const server = await startServerProcess({
      argv: [programPath('nginx'), '-p', store, '-c', config, '-e', 'stderr'],
      folder: store,
      port,
      readyPath: '/v2/',
    })
    return { ...server, name: 'nginx', store, seeder: fileSeeder(root) }
  },
}
