;; matmul_tiled, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $group i32)
    (local $a i32)
    (local $b i32)
    (local $c i32)
    (local $m i32)
    (local $n i32)
    (local $k i32)
    (local $wide i32)
    (local $row0 i32)
    (local $col0 i32)
    (local $t i32)
    (local $k0 i32)
    (local $t.15 i32)
    (local $r i32)
    (local $s i32)
    (local $t.18 i32)
    (local $r.19 i32)
    (local $s.20 i32)
    (local $j i32)
    (local $t.22 i32)
    (local $r.23 i32)
    (local $s.24 i32)
    (local $frame i32)
    (local $26 i32)
    (local $27 i32)
    (local $28 i32)
    (local $29 i32)
    global.get $stack
    i32.const 768
    i32.sub
    local.tee $frame
    global.set $stack
    local.get $args
    i32.load align=4
    i32.load align=4
    local.set $a
    local.get $args
    i32.load align=4
    i32.load offset=4 align=4
    local.set $b
    local.get $args
    i32.load align=4
    i32.load offset=8 align=4
    local.set $c
    local.get $args
    i32.load offset=4 align=4
    i32.load align=4
    local.set $m
    local.get $args
    i32.load offset=4 align=4
    i32.load offset=4 align=4
    local.set $n
    local.get $args
    i32.load offset=4 align=4
    i32.load offset=8 align=4
    local.set $k
    local.get $from
    local.set $group
    block
      loop
        local.get $to
        local.get $group
        i32.sub
        i32.const 1
        i32.lt_u
        br_if 1
        block
          local.get $n
          i32.const 8
          i32.add
          i32.const 1
          i32.sub
          i32.const 8
          i32.div_u
          local.set $wide
          local.get $group
          local.tee $26
          local.get $wide
          local.set $27
          i32.const 1
          local.get $27
          local.get $27
          i32.eqz
          select
          i32.div_u
          i32.const 8
          i32.mul
          local.set $row0
          local.get $group
          local.tee $28
          local.get $wide
          local.set $29
          i32.const 1
          local.get $29
          local.get $29
          i32.eqz
          select
          i32.rem_u
          i32.const 8
          i32.mul
          local.set $col0
          i32.const 0
          local.set $t
          loop
            local.get $frame
            local.get $t
            i32.const 4
            i32.mul
            i32.add
            f32.const 0
            f32.store offset=512 align=4
            local.get $t
            i32.const 1
            i32.add
            local.set $t
            local.get $t
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $k0
          block
            loop
              local.get $k0
              local.get $k
              i32.lt_u
              i32.eqz
              br_if 1
              block
                i32.const 0
                local.set $t.15
                loop
                  local.get $t.15
                  i32.const 8
                  i32.div_u
                  local.set $r
                  local.get $t.15
                  i32.const 8
                  i32.rem_u
                  local.set $s
                  local.get $frame
                  local.get $r
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $row0
                  local.get $r
                  i32.add
                  local.get $m
                  i32.lt_u
                  if (result i32)
                    local.get $k0
                    local.get $s
                    i32.add
                    local.get $k
                    i32.lt_u
                  else
                    i32.const 0
                  end
                  if (result f32)
                    local.get $a
                    local.get $row0
                    local.get $r
                    i32.add
                    local.get $k
                    i32.mul
                    local.get $k0
                    i32.add
                    local.get $s
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load align=4
                  else
                    f32.const 0
                  end
                  f32.store align=4
                  local.get $frame
                  local.get $r
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $k0
                  local.get $r
                  i32.add
                  local.get $k
                  i32.lt_u
                  if (result i32)
                    local.get $col0
                    local.get $s
                    i32.add
                    local.get $n
                    i32.lt_u
                  else
                    i32.const 0
                  end
                  if (result f32)
                    local.get $b
                    local.get $k0
                    local.get $r
                    i32.add
                    local.get $n
                    i32.mul
                    local.get $col0
                    i32.add
                    local.get $s
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load align=4
                  else
                    f32.const 0
                  end
                  f32.store offset=256 align=4
                  local.get $t.15
                  i32.const 1
                  i32.add
                  local.set $t.15
                  local.get $t.15
                  i32.const 64
                  i32.lt_u
                  br_if 0
                end
                i32.const 0
                local.set $t.18
                loop
                  local.get $t.18
                  i32.const 8
                  i32.div_u
                  local.set $r.19
                  local.get $t.18
                  i32.const 8
                  i32.rem_u
                  local.set $s.20
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=512 align=4
                  local.get $frame
                  local.get $r.19
                  i32.const 32
                  i32.mul
                  i32.add
                  i32.const 0
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  i32.const 0
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s.20
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=256 align=4
                  f32.mul
                  f32.add
                  f32.store offset=512 align=4
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=512 align=4
                  local.get $frame
                  local.get $r.19
                  i32.const 32
                  i32.mul
                  i32.add
                  i32.const 1
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  i32.const 1
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s.20
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=256 align=4
                  f32.mul
                  f32.add
                  f32.store offset=512 align=4
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=512 align=4
                  local.get $frame
                  local.get $r.19
                  i32.const 32
                  i32.mul
                  i32.add
                  i32.const 2
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  i32.const 2
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s.20
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=256 align=4
                  f32.mul
                  f32.add
                  f32.store offset=512 align=4
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=512 align=4
                  local.get $frame
                  local.get $r.19
                  i32.const 32
                  i32.mul
                  i32.add
                  i32.const 3
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  i32.const 3
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s.20
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=256 align=4
                  f32.mul
                  f32.add
                  f32.store offset=512 align=4
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=512 align=4
                  local.get $frame
                  local.get $r.19
                  i32.const 32
                  i32.mul
                  i32.add
                  i32.const 4
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  i32.const 4
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s.20
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=256 align=4
                  f32.mul
                  f32.add
                  f32.store offset=512 align=4
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=512 align=4
                  local.get $frame
                  local.get $r.19
                  i32.const 32
                  i32.mul
                  i32.add
                  i32.const 5
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  i32.const 5
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s.20
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=256 align=4
                  f32.mul
                  f32.add
                  f32.store offset=512 align=4
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=512 align=4
                  local.get $frame
                  local.get $r.19
                  i32.const 32
                  i32.mul
                  i32.add
                  i32.const 6
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  i32.const 6
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s.20
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=256 align=4
                  f32.mul
                  f32.add
                  f32.store offset=512 align=4
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=512 align=4
                  local.get $frame
                  local.get $r.19
                  i32.const 32
                  i32.mul
                  i32.add
                  i32.const 7
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  i32.const 7
                  i32.const 32
                  i32.mul
                  i32.add
                  local.get $s.20
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=256 align=4
                  f32.mul
                  f32.add
                  f32.store offset=512 align=4
                  local.get $t.18
                  i32.const 1
                  i32.add
                  local.set $t.18
                  local.get $t.18
                  i32.const 64
                  i32.lt_u
                  br_if 0
                end
              end
              local.get $k0
              i32.const 8
              i32.add
              local.set $k0
              br 0
            end
          end
          i32.const 0
          local.set $t.22
          loop
            local.get $row0
            local.get $t.22
            i32.const 8
            i32.div_u
            i32.add
            local.set $r.23
            local.get $col0
            local.get $t.22
            i32.const 8
            i32.rem_u
            i32.add
            local.set $s.24
            local.get $r.23
            local.get $m
            i32.lt_u
            if (result i32)
              local.get $s.24
              local.get $n
              i32.lt_u
            else
              i32.const 0
            end
            if
              local.get $c
              local.get $r.23
              local.get $n
              i32.mul
              local.get $s.24
              i32.add
              i32.const 4
              i32.mul
              i32.add
              local.get $frame
              local.get $t.22
              i32.const 4
              i32.mul
              i32.add
              f32.load offset=512 align=4
              f32.store align=4
            end
            local.get $t.22
            i32.const 1
            i32.add
            local.set $t.22
            local.get $t.22
            i32.const 64
            i32.lt_u
            br_if 0
          end
        end
        local.get $group
        i32.const 1
        i32.add
        local.set $group
        br 0
      end
    end
    local.get $frame
    i32.const 768
    i32.add
    global.set $stack
  )
)
