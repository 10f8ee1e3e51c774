import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { mockServer } from './dev/mock.ts';

// HOLDFAST_SERVER=https://127.0.0.1:8443 develops against a real server;
// without it the made-up one of dev/ answers.
const server = process.env['HOLDFAST_SERVER'];
const forwarded = ['/api', '/openapi.json', '/install', '/download'];

export default defineConfig({
  plugins: [react(), ...(server ? [] : [mockServer()])],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    sourcemap: false,
    target: 'es2022',
    // Everything comes from files: the server's policy refuses inline scripts
    // and data: URLs for anything but images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: server
      ? Object.fromEntries(forwarded.map((path) => [path, { target: server, secure: false }]))
      : {},
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
});
