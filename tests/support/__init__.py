"""What tests share: material, runs and oracles. No test module imports another one."""
