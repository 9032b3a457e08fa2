"""The demo: four rollouts on a real Envoy under real load, watched on the screen or told line by line."""
