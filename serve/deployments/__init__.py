"""The only room that imports torch and diffusers: packs, families, engines, Ray replicas."""
