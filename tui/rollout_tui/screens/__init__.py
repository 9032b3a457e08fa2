"""The screens: each draws one scene and turns keys into intentions."""
