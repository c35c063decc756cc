/** bundle.js EXPORTS OUT: bundles entry.js as apps on phones are, with package exports ("exports") or without. */
const { loadConfig, runBuild } = require("metro");

async function main([exportsOrNot, out]) {
  const resolver = {
    useWatchman: false,
    unstable_enablePackageExports: exportsOrNot === "exports",
    unstable_conditionNames: ["react-native"],
    resolverMainFields: ["react-native", "browser", "main"],
    sourceExts: ["js", "jsx", "json", "ts", "tsx"], // what React Native has; cjs is not among them
  };
  const config = await loadConfig(
    { cwd: __dirname },
    { projectRoot: __dirname, maxWorkers: 1, cacheStores: [], resolver },
  );
  await runBuild(config, { entry: "entry.js", platform: "android", dev: false, minify: false, out });
}

main(process.argv.slice(2));
