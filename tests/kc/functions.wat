;; functions, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $i i32)
    (local $keys i32)
    (local $n i32)
    (local $find i32)
    (local $done i32)
    (local $lo i32)
    (local $hi i32)
    (local $mid i32)
    (local $k i32)
    (local $find.12 i32)
    (local $done.13 i32)
    (local $lo.14 i32)
    (local $hi.15 i32)
    (local $mid.16 i32)
    (local $chosen i32)
    (local $weight i32)
    (local $sum i32)
    (local $k.20 i32)
    (local $row i32)
    (local $weight.22 i32)
    (local $sum.23 i32)
    (local $k.24 i32)
    (local $sum.25 i32)
    (local $i.26 i32)
    (local $weight.27 i32)
    (local $sum.28 i32)
    (local $k.29 i32)
    (local $chosen.30 i32)
    (local $frame i32)
    (local $out i32)
    (local $result i32)
    global.get $stack
    i32.const 16
    i32.sub
    local.tee $frame
    global.set $stack
    local.get $args
    i32.load align=4
    i32.load align=4
    local.set $keys
    local.get $args
    i32.load offset=4 align=4
    i32.load align=4
    local.set $n
    local.get $args
    i32.load align=4
    i32.load offset=4 align=4
    local.set $out
    local.get $from
    local.set $i
    block
      loop
        local.get $to
        local.get $i
        i32.sub
        i32.const 1
        i32.lt_u
        br_if 1
        block
          local.get $frame
          i32.const 0
          i32.const 8
          i32.mul
          i32.add
          i32.const 0
          i32.const 4
          i32.mul
          i32.add
          local.get $i
          i32.store align=4
          local.get $frame
          i32.const 0
          i32.const 8
          i32.mul
          i32.add
          i32.const 1
          i32.const 4
          i32.mul
          i32.add
          i32.const -1
          i32.store align=4
          local.get $frame
          i32.const 1
          i32.const 8
          i32.mul
          i32.add
          i32.const 0
          i32.const 4
          i32.mul
          i32.add
          i32.const 7
          i32.store align=4
          i32.const 0
          local.set $done
          i32.const 0
          local.set $lo
          local.get $n
          local.set $hi
          block
            loop
              local.get $lo
              local.get $hi
              i32.lt_u
              i32.eqz
              br_if 1
              block
                local.get $lo
                local.get $hi
                i32.add
                i32.const 2
                i32.div_u
                local.set $mid
                local.get $keys
                local.get $mid
                i32.const 4
                i32.mul
                i32.add
                i32.load align=4
                local.get $i
                i32.eq
                if
                  local.get $mid
                  local.set $find
                  i32.const 1
                  local.set $done
                  br 3
                end
                local.get $keys
                local.get $mid
                i32.const 4
                i32.mul
                i32.add
                i32.load align=4
                local.get $i
                i32.lt_u
                if
                  local.get $mid
                  i32.const 1
                  i32.add
                  local.set $lo
                else
                  local.get $mid
                  local.set $hi
                end
              end
              br 0
            end
          end
          local.get $done
          i32.eqz
          if
            local.get $n
            local.set $find
            i32.const 1
            local.set $done
          end
          local.get $frame
          i32.const 1
          i32.const 8
          i32.mul
          i32.add
          i32.const 1
          i32.const 4
          i32.mul
          i32.add
          local.get $find
          i32.store align=4
          i32.const 0
          local.set $k
          block
            loop
              block
                local.get $k
                local.get $n
                i32.lt_u
                local.set $chosen
                local.get $chosen
                if
                  i32.const 0
                  local.set $done.13
                  i32.const 0
                  local.set $lo.14
                  local.get $n
                  local.set $hi.15
                  block
                    loop
                      local.get $lo.14
                      local.get $hi.15
                      i32.lt_u
                      i32.eqz
                      br_if 1
                      block
                        local.get $lo.14
                        local.get $hi.15
                        i32.add
                        i32.const 2
                        i32.div_u
                        local.set $mid.16
                        local.get $keys
                        local.get $mid.16
                        i32.const 4
                        i32.mul
                        i32.add
                        i32.load align=4
                        local.get $k
                        i32.eq
                        if
                          local.get $mid.16
                          local.set $find.12
                          i32.const 1
                          local.set $done.13
                          br 3
                        end
                        local.get $keys
                        local.get $mid.16
                        i32.const 4
                        i32.mul
                        i32.add
                        i32.load align=4
                        local.get $k
                        i32.lt_u
                        if
                          local.get $mid.16
                          i32.const 1
                          i32.add
                          local.set $lo.14
                        else
                          local.get $mid.16
                          local.set $hi.15
                        end
                      end
                      br 0
                    end
                  end
                  local.get $done.13
                  i32.eqz
                  if
                    local.get $n
                    local.set $find.12
                    i32.const 1
                    local.set $done.13
                  end
                  local.get $find.12
                  local.get $n
                  i32.ne
                  local.set $chosen
                end
                local.get $chosen
                i32.eqz
                if
                  br 3
                end
                local.get $k
                i32.const 1
                i32.add
                local.set $k
              end
              br 0
            end
          end
          local.get $i
          i32.const 0
          i32.eq
          if (result i32)
            i32.const 1
          else
            local.get $i
            i32.const 1
            i32.add
            local.get $n
            i32.eq
          end
          if
            i32.const 0
            local.set $weight
          else
            i32.const 0
            local.set $sum
            i32.const 0
            local.set $k.20
            block
              loop
                local.get $k.20
                i32.const 2
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  local.get $sum
                  local.get $frame
                  i32.const 0
                  i32.const 8
                  i32.mul
                  i32.add
                  local.get $k.20
                  i32.const 4
                  i32.mul
                  i32.add
                  i32.load align=4
                  i32.add
                  local.set $sum
                end
                local.get $k.20
                i32.const 1
                i32.add
                local.set $k.20
                br 0
              end
            end
            local.get $sum
            local.set $weight
          end
          local.get $i
          i32.const 2
          i32.rem_u
          local.set $row
          local.get $k
          i32.const 0
          i32.eq
          if (result i32)
            i32.const 1
          else
            local.get $k
            i32.const 1
            i32.add
            local.get $n
            i32.eq
          end
          if
            i32.const 0
            local.set $weight.22
          else
            i32.const 0
            local.set $sum.23
            i32.const 0
            local.set $k.24
            block
              loop
                local.get $k.24
                i32.const 2
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  local.get $sum.23
                  local.get $frame
                  local.get $row
                  i32.const 8
                  i32.mul
                  i32.add
                  local.get $k.24
                  i32.const 4
                  i32.mul
                  i32.add
                  i32.load align=4
                  i32.add
                  local.set $sum.23
                end
                local.get $k.24
                i32.const 1
                i32.add
                local.set $k.24
                br 0
              end
            end
            local.get $sum.23
            local.set $weight.22
          end
          local.get $weight
          local.get $weight.22
          i32.add
          local.set $sum.25
          block
            loop
              block
                local.get $sum.25
                i32.const 100
                i32.gt_s
                if
                  local.get $sum.25
                  i32.const 100
                  i32.sub
                  local.set $chosen.30
                else
                  local.get $i
                  i32.const 1
                  i32.add
                  local.set $i.26
                  local.get $i.26
                  i32.const 0
                  i32.eq
                  if (result i32)
                    i32.const 1
                  else
                    local.get $i.26
                    i32.const 1
                    i32.add
                    local.get $n
                    i32.eq
                  end
                  if
                    i32.const 0
                    local.set $weight.27
                  else
                    i32.const 0
                    local.set $sum.28
                    i32.const 0
                    local.set $k.29
                    block
                      loop
                        local.get $k.29
                        i32.const 2
                        i32.lt_u
                        i32.eqz
                        br_if 1
                        block
                          local.get $sum.28
                          local.get $frame
                          i32.const 1
                          i32.const 8
                          i32.mul
                          i32.add
                          local.get $k.29
                          i32.const 4
                          i32.mul
                          i32.add
                          i32.load align=4
                          i32.add
                          local.set $sum.28
                        end
                        local.get $k.29
                        i32.const 1
                        i32.add
                        local.set $k.29
                        br 0
                      end
                    end
                    local.get $sum.28
                    local.set $weight.27
                  end
                  local.get $sum.25
                  local.get $weight.27
                  i32.add
                  local.set $chosen.30
                end
                local.get $chosen.30
                local.set $sum.25
              end
              local.get $sum.25
              i32.const 0
              i32.lt_s
              br_if 0
            end
          end
          local.get $sum.25
          local.set $result
          br 0
        end
        local.get $out
        local.get $i
        i32.const 4
        i32.mul
        i32.add
        local.get $result
        i32.store align=4
        local.get $i
        i32.const 1
        i32.add
        local.set $i
        br 0
      end
    end
    local.get $frame
    i32.const 16
    i32.add
    global.set $stack
  )
)
