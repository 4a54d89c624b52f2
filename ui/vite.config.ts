import { defineConfig } from "vite";

// The output is committed and embedded in the binary, so it must be the same
// on every machine: no source maps, no time stamps, no absolute paths.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../internal/web/dist",
    emptyOutDir: true,
    target: "es2023",
    sourcemap: false,
    assetsInlineLimit: 0, // data: URLs would need a hole in the Content-Security-Policy
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      "/v1": "http://127.0.0.1:8080",
      "/connection": { target: "http://127.0.0.1:8080", ws: true },
    },
  },
});
